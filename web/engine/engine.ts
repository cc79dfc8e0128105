// The engine in this thread: the Emscripten module, one model, and the way of images into it. The worker and the Node
// entry are thin shells around it.
import { abortError, throwIfAborted, toVitreousError, VitreousError } from '../errors.js';
import type { PixelSource } from '../images/pixels.js';
import type { DataConfig, ModelConfig, Variant } from '../types.js';
import type {
  CreateEngine,
  EngineModule,
  ForwardRequest,
  ForwardResult,
  GlueModel,
  GlueTransform,
  ModelEntry,
} from './module.js';

// Rows go to the engine in pieces of about this many bytes.
const PIECE_BYTES = 1 << 22;

/** A checkpoint as bytes that arrive; `size` where it is known beforehand. */
export interface ByteSource {
  bytes: AsyncIterable<Uint8Array>;
  size: number | undefined;
}

export class Engine {
  readonly variant: Variant;
  readonly #module: EngineModule;
  #model: GlueModel | undefined;
  #transform: { key: string; transform: GlueTransform } | undefined;

  private constructor(variant: Variant, module: EngineModule) {
    this.variant = variant;
    this.#module = module;
  }

  static async create(
    createEngine: CreateEngine,
    variant: Variant,
    wasm: WebAssembly.Module,
  ): Promise<Engine> {
    const module = await new Promise<EngineModule>((resolve, reject) => {
      createEngine({
        instantiateWasm(imports, done) {
          WebAssembly.instantiate(wasm, imports).then((instance) => done(instance, wasm), reject);
          return {};
        },
      }).then(resolve, reject);
    });
    return new Engine(variant, module);
  }

  models(): ModelEntry[] {
    return this.#module.models();
  }

  /** Bytes of the engine's memory: weights, buffers, everything. */
  memoryBytes(): number {
    return this.#module.memoryBytes();
  }

  /** Loads a checkpoint; the model in use stays until the new one is whole. */
  async load(
    config: ModelConfig,
    source: ByteSource,
    options: { signal?: AbortSignal | undefined; onProgress?: (loaded: number) => void },
  ): Promise<void> {
    const loader = this.#call(() => new this.#module.Loader(config, source.size ?? -1));
    try {
      let loaded = 0;
      for await (const piece of source.bytes) {
        if (options.signal?.aborted) throw abortError(options.signal);
        this.#call(() => loader.push(piece));
        loaded += piece.length;
        options.onProgress?.(loaded);
      }
      throwIfAborted(options.signal);
      const model = this.#call(() => loader.finish());
      this.#model?.delete();
      this.#model = model;
    } finally {
      loader.delete();
    }
  }

  /** Preprocesses one image: (3, height, width). */
  transform(image: PixelSource, config: DataConfig): Float32Array {
    try {
      return this.#call(() => {
        const transform = this.#transformOf(config);
        const { first, last } = transform.begin(image.width, image.height, image.channels);
        transform.skip(first);
        const rows = Math.max(1, Math.floor(PIECE_BYTES / (image.width * image.channels)));
        for (let row = first; row < last; row += rows) {
          transform.push(image.rows(row, Math.min(rows, last - row)));
        }
        return transform.finish();
      });
    } finally {
      image.close();
    }
  }

  /** Preprocesses images one after the other: (batch, 3, height, width). */
  async transformAll(images: (() => Promise<PixelSource>)[], config: DataConfig): Promise<Float32Array> {
    const [channels, height, width] = config.inputSize;
    const size = channels * height * width;
    const batch = new Float32Array(images.length * size);
    for (const [i, open] of images.entries()) batch.set(this.transform(await open(), config), i * size);
    return batch;
  }

  forward(images: Float32Array, request: ForwardRequest): ForwardResult {
    return this.#call(() => this.#loaded().forward(images, request));
  }

  forwardHead(tokens: Float32Array, preLogits: boolean): Float32Array {
    return this.#call(() => this.#loaded().forwardHead(tokens, preLogits));
  }

  #loaded(): GlueModel {
    if (this.#model === undefined) throw new VitreousError('INTERNAL', 'No model has been loaded.');
    return this.#model;
  }

  // The engine keeps tables for one geometry; photos of one camera share them.
  #transformOf(config: DataConfig): GlueTransform {
    const key = JSON.stringify(config);
    if (this.#transform?.key !== key) {
      const transform = new this.#module.Transform(config);
      this.#transform?.transform.delete();
      this.#transform = { key, transform };
    }
    return this.#transform.transform;
  }

  #call<T>(f: () => T): T {
    try {
      return f();
    } catch (error) {
      throw toVitreousError(error);
    }
  }
}

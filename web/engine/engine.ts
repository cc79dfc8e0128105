// The engine in this thread: its modules, one model, and the way of images into it. The worker and the Node entry are
// thin shells around it.
import { disposedError, isFatal, throwIfAborted, toVitreousError, VitreousError } from '../errors.js';
import type { PixelSource } from '../images/pixels.js';
import type { DataConfig, Dtype, GlobalPool, ModelConfig, Progress, Variant } from '../types.js';
import { ProgressMeter } from '../weights/progress.js';
import type { Started } from './glue.js';
import type {
  EngineObject,
  ForwardRequest,
  ForwardResult,
  GlueClassifier,
  GlueModel,
  GlueTransform,
  ModelModule,
  ModuleName,
  Modules,
} from './module.js';
import type { EngineClasses, Recipes, ToolsModule } from './tools.js';

// Rows go to the engine so many at a time (one piece for each of its threads), or more where they are short: asking a
// canvas for pixels has a price each time.
const ROWS_AT_ONCE = 32;
const PIECE_BYTES = 1 << 20;

/** What became of a file's bytes; `stopped`: by the caller, or because no more came. */
export type Outcome = 'accepted' | 'refused' | 'stopped';

/** A file of a checkpoint as bytes that arrive. */
export interface ByteSource {
  /** Bytes of the file, where known: beforehand, or as soon as it is asked for. */
  readonly size: number | undefined;
  /** Whether the bytes come from the cache. */
  readonly cached?: boolean;
  /** From the first byte on. Each piece is valid until the next one is asked for. */
  bytes(): AsyncIterable<Uint8Array>;
  /** Tells the size that the file's own header gives. */
  expect?(size: number): void;
  /** Ends every reading, whatever the outcome. Resolves to whether reading from the start once more may help. */
  settle?(outcome: Outcome): Promise<boolean>;
}

export interface LoadedFile {
  source: ByteSource;
  /** A classifier, and not part of the model. */
  head: boolean;
}

/** Fetches, compiles and starts a module. */
export type StartModule = <M extends ModuleName>(
  name: M,
) => Promise<Started<Modules[M]> & { variant: Variant }>;

export class Engine {
  readonly variant: Variant;
  /** How many threads work on an image. */
  readonly threads: number;
  readonly #start: StartModule;
  // Each has threads of its own. They sleep unless their module is called, and one thread calls both: the two never ask for
  // the cores at once.
  #modules: { [M in ModuleName]?: Started<Modules[M]> } | undefined;
  #startingTools: Promise<Started<ToolsModule>> | undefined;
  /** Why there is no engine any more: it was disposed of, or has died. */
  #failure: VitreousError | undefined;
  #model: GlueModel | undefined;
  #transform: { key: string; transform: GlueTransform } | undefined;
  readonly #objects = new Map<number, EngineObject>();
  #made = 0;

  private constructor(start: StartModule, name: ModuleName, first: Awaited<ReturnType<StartModule>>) {
    this.#start = start;
    this.#modules = { [name]: first };
    this.variant = first.variant;
    this.threads = first.threads;
  }

  /** @param first - the module that it begins with; the tools also start when they are first asked for */
  static async create(start: StartModule, first: ModuleName): Promise<Engine> {
    return new Engine(start, first, await start(first));
  }

  get failure(): VitreousError | undefined {
    return this.#failure;
  }

  /** Ends the threads and lets go of the memory. What is under way, and anything after, fails with `reason`. */
  dispose(reason = disposedError()): void {
    this.#failure ??= reason;
    for (const started of Object.values(this.#modules ?? {})) started.endThreads();
    this.#modules = undefined;
    this.#model = undefined;
    this.#transform = undefined;
    this.#objects.clear();
  }

  /** Bytes of the engine's memory: weights, buffers, everything. */
  memoryBytes(): number {
    const { model, tools } = this.#live();
    return (model?.module.memoryBytes() ?? 0) + (tools?.module.memoryBytes() ?? 0);
  }

  /** Loads a checkpoint; the model in use stays until the new one is whole. Returns the number of its classes. */
  async load(
    config: ModelConfig,
    files: LoadedFile[],
    options: { dtype: Dtype; signal?: AbortSignal | undefined; onProgress?: (progress: Progress) => void },
  ): Promise<number> {
    const progress = new ProgressMeter(files.length, options.onProgress ?? (() => {}));
    // What an earlier load left may prove wrong: then once more from the start.
    const model =
      (await this.#tryLoad(config, files, progress, options)) ??
      (await this.#tryLoad(config, files, progress, { ...options, last: true }));
    this.#model?.delete();
    this.#model = model as GlueModel;
    return this.#model.numClasses();
  }

  /** Returns undefined when a new start may help, unless this is the last. */
  async #tryLoad(
    config: ModelConfig,
    files: LoadedFile[],
    progress: ProgressMeter,
    { dtype, signal, last = false }: { dtype: Dtype; signal?: AbortSignal | undefined; last?: boolean },
  ): Promise<GlueModel | undefined> {
    progress.restart();
    for (const [i, { source }] of files.entries()) progress.setSize(i, source.size);
    const loader = this.#call(
      () =>
        new (this.#modelModule().Loader)(config, {
          int8: dtype === 'int8',
          files: files.filter(({ head }) => !head).length,
          head: files.some(({ head }) => head),
        }),
    );
    let outcome: Outcome = 'stopped';
    // Errors of the engine are about the bytes, unless it has no memory or is gone.
    const take = <T>(work: () => T): T => {
      try {
        return this.#call(work);
      } catch (error) {
        const { code } = error as VitreousError;
        if (!['OUT_OF_MEMORY', 'DISPOSED', 'INTERNAL'].includes(code)) outcome = 'refused';
        throw error;
      }
    };
    try {
      for (const [i, { source, head }] of files.entries()) {
        take(() => loader.beginFile(source.size ?? -1, head));
        for await (const piece of source.bytes()) {
          throwIfAborted(signal);
          take(() => loader.push(piece));
          const expected = loader.expectedBytes();
          if (expected >= 0) source.expect?.(expected);
          progress.setSize(i, source.size ?? (expected >= 0 ? expected : undefined));
          progress.add(i, piece.length, source.cached ?? false);
        }
        take(() => loader.endFile());
      }
      throwIfAborted(signal);
      progress.stage('verify');
      progress.stage('pack');
      const model = take(() => loader.finish());
      await settled(files, 'accepted');
      return model;
    } catch (error) {
      if ((await settled(files, outcome)) && !last) return undefined;
      throw error;
    } finally {
      loader.delete();
    }
  }

  /** Preprocesses one image: (3, height, width). */
  transform(image: PixelSource, config: DataConfig): Float32Array {
    try {
      return this.#call(() => {
        const transform = this.#transformOf(config);
        const { x, y, width, height } = transform.begin(image.width, image.height, image.channels);
        const rows = Math.max(ROWS_AT_ONCE, Math.floor(PIECE_BYTES / (width * image.channels)));
        for (let row = 0; row < height; row += rows) {
          const count = Math.min(rows, height - row);
          image.read({ x, y: y + row, width, height: count }, transform.room(count));
          transform.push(count);
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

  forwardHead(features: Float32Array, tokens: number, preLogits: boolean): Float32Array {
    return this.#call(() => this.#loaded().forwardHead(features, tokens, preLogits));
  }

  classifier(): GlueClassifier | undefined {
    return this.#call(() => this.#loaded().classifier());
  }

  resetClassifier(numClasses: number, globalPool: GlobalPool, values: GlueClassifier | undefined): void {
    this.#call(() => this.#loaded().resetClassifier(numClasses, globalPool, values?.weight, values?.bias));
  }

  /** Milliseconds of each stage of the last forward. */
  profile(): Record<string, number> {
    return this.#loaded().profile();
  }

  /** Calls a recipe's arithmetic by its name. */
  async compute(recipe: keyof Recipes, args: unknown[]): Promise<unknown> {
    const tools = await this.#tools();
    return this.#call(() => method(tools, recipe).apply(tools, args));
  }

  /** Makes an object of the tools; returns its number. */
  async make(name: keyof EngineClasses, args: unknown[]): Promise<number> {
    const tools = await this.#tools();
    const object = this.#call(() => Reflect.construct(method(tools, name), args) as EngineObject);
    this.#objects.set(this.#made, object);
    return this.#made++;
  }

  /** Calls a method of it; after `delete` the number stands for nothing. */
  invoke(object: number, name: string, args: unknown[]): unknown {
    const target = this.#objects.get(object);
    if (target === undefined) {
      this.#live();
      throw new VitreousError('DISPOSED', 'This object of the engine was deleted.');
    }
    if (name === 'delete') this.#objects.delete(object);
    return this.#call(() => method(target, name).apply(target, args));
  }

  // Started late, as most pages never need them; where that fails, the next call tries again.
  async #tools(): Promise<ToolsModule> {
    const { tools } = this.#live();
    if (tools) return tools.module;
    this.#startingTools ??= this.#start('tools').finally(() => {
      this.#startingTools = undefined;
    });
    const started = await this.#startingTools.catch((error) => Promise.reject(toVitreousError(error)));
    if (this.#modules === undefined) started.endThreads();
    this.#live().tools = started;
    return started.module;
  }

  #loaded(): GlueModel {
    if (this.#model === undefined) throw new VitreousError('INTERNAL', 'No model has been loaded.');
    return this.#model;
  }

  // The engine keeps tables for one geometry; photos of one camera share them.
  #transformOf(config: DataConfig): GlueTransform {
    const key = JSON.stringify(config);
    if (this.#transform?.key !== key) {
      const transform = new (this.#modelModule().Transform)(config);
      this.#transform?.transform.delete();
      this.#transform = { key, transform };
    }
    return this.#transform.transform;
  }

  #modelModule(): ModelModule {
    const { model } = this.#live();
    if (model === undefined) throw new VitreousError('INTERNAL', 'This engine was started without a model.');
    return model.module;
  }

  // Nothing may run after dispose(): it would wait for threads that are gone.
  #live() {
    if (this.#modules === undefined) throw this.#failure;
    return this.#modules;
  }

  #call<T>(f: () => T): T {
    this.#live();
    try {
      return f();
    } catch (error) {
      const known = toVitreousError(error);
      if (isFatal(error)) this.dispose(known);
      throw known;
    }
  }
}

const method = (of: object, name: string) =>
  (of as Record<string, (...args: unknown[]) => unknown>)[name] as (...args: unknown[]) => unknown;

/** Whether a new start may help: all files can be read again, and one of them says so. */
async function settled(files: LoadedFile[], outcome: Outcome): Promise<boolean> {
  const answers = await Promise.all(files.map(({ source }) => source.settle?.(outcome) ?? undefined));
  return answers.includes(true) && !answers.includes(undefined);
}

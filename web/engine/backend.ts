import type { VitreousError } from '../errors.js';
import type { Access } from '../settings.js';
import type {
  DataConfig,
  Dtype,
  GlobalPool,
  ImageInput,
  ModelConfig,
  Progress,
  Variant,
  Weights,
} from '../types.js';
import type { FindRequest, Found } from '../weights/find.js';
import type { FileAddress } from '../weights/transfer.js';
import type { ForwardRequest, ForwardResult, GlueClassifier } from './module.js';
import type { EngineClasses, Recipes } from './tools.js';

/** What an engine can be asked for by name, wherever it runs; see calls.ts. */
export interface Calling {
  /** Whether it is in a worker: not in the way of this thread's events. */
  readonly worker: boolean;
  compute(recipe: keyof Recipes, args: unknown[]): Promise<unknown>;
  make(name: keyof EngineClasses, args: unknown[]): Promise<number>;
  /** @throws `WORKER_FAILED` when the object went with an engine that has died */
  invoke(object: number, method: string, args: unknown[]): Promise<unknown>;
}

/** An engine that is started anew when it has died. */
export interface LastingEngine extends Calling {
  /** Goes up as soon as an engine is known to be dead, and with it all that was made there. */
  readonly generation: number;
}

export interface BackendOptions {
  signal?: AbortSignal | undefined;
}

/** A checkpoint, or one file of it: addresses of its files, or what holds or gives its bytes. */
export type Source = FileAddress[] | Exclude<Weights, string | URL>;

export interface LoadRequest<From = Source> {
  weights: From;
  /** A classifier in a file of its own. */
  head?: From | undefined;
  dtype: Dtype;
  access: Access;
}

export interface LoadOptions extends BackendOptions {
  onProgress?: ((progress: Progress) => void) | undefined;
}

export interface LoadResult {
  numClasses: number;
  /** Whether all of it came from the cache. */
  cached: boolean;
}

/**
 * What a model needs of the engine, wherever that runs: in this thread or in a worker. All errors are VitreousErrors.
 * Inside the worker the same interface takes what can be posted to it.
 */
export interface Backend<Image = ImageInput, From = Source> extends Calling {
  readonly variant: Variant;
  readonly threads: number;
  readonly threadsReason: string | undefined;
  /** What the engine has died of: every call rejects with it. */
  readonly failure: VitreousError | undefined;
  /** Here and not at the caller's, because the cache is here. */
  find(request: FindRequest, access: Access, options: BackendOptions): Promise<Found>;
  load(config: ModelConfig, request: LoadRequest<From>, options: LoadOptions): Promise<LoadResult>;
  /** (batch, 3, height, width) */
  transform(images: Image[], config: DataConfig, options: BackendOptions): Promise<Float32Array>;
  /** Images are preprocessed first; a Float32Array has been. */
  forward(
    images: Image[] | Float32Array,
    config: DataConfig,
    request: ForwardRequest,
    options: BackendOptions,
  ): Promise<ForwardResult>;
  /** features: (batch, tokens, dim) */
  forwardHead(features: Float32Array, tokens: number, preLogits: boolean): Promise<Float32Array>;
  classifier(): Promise<GlueClassifier | undefined>;
  resetClassifier(
    numClasses: number,
    globalPool: GlobalPool,
    values: GlueClassifier | undefined,
  ): Promise<void>;
  memoryBytes(): Promise<number>;
  profile(): Promise<Record<string, number>>;
  /** Ends the engine; calls in flight and later ones reject with `reason`, by default `DISPOSED`. */
  dispose(reason?: VitreousError): void;
}

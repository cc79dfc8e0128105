import type { DataConfig, Dtype, ImageInput, ModelConfig, Variant, Weights } from '../types.js';
import type { ForwardRequest, ForwardResult, ModelEntry } from './module.js';

export interface BackendOptions {
  signal?: AbortSignal | undefined;
}

export interface LoadOptions extends BackendOptions {
  dtype: Dtype;
  /** Bytes taken so far, and in all where known. */
  onProgress?: ((loaded: number, total: number | undefined) => void) | undefined;
}

/**
 * What a model needs of the engine, wherever that runs: in this thread or in a worker. All errors are VitreousErrors.
 * Inside the worker the same interface takes what can be posted to it.
 */
export interface Backend<Image = ImageInput, Source = Weights> {
  readonly variant: Variant;
  readonly threads: number;
  readonly threadsReason: string | undefined;
  readonly worker: boolean;
  models(): Promise<ModelEntry[]>;
  load(config: ModelConfig, weights: Source, options: LoadOptions): Promise<void>;
  /** (batch, 3, height, width) */
  transform(images: Image[], config: DataConfig, options: BackendOptions): Promise<Float32Array>;
  /** Images are preprocessed first; a Float32Array has been. */
  forward(
    images: Image[] | Float32Array,
    config: DataConfig,
    request: ForwardRequest,
    options: BackendOptions,
  ): Promise<ForwardResult>;
  forwardHead(tokens: Float32Array, preLogits: boolean): Promise<Float32Array>;
  memoryBytes(): Promise<number>;
  profile(): Promise<Record<string, number>>;
  dispose(): void;
}

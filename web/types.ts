/** A dense float32 array with its shape, row-major. Always a copy: yours to keep or to transfer. */
export interface Tensor {
  data: Float32Array;
  shape: number[];
}

/** What a Vision Transformer is made of; the names are timm's. */
export interface ModelConfig {
  name: string;
  imageHeight: number;
  imageWidth: number;
  patchSize: number;
  /** Length of a token and of the embedding (timm: `embed_dim`, `num_features`). */
  dim: number;
  depth: number;
  heads: number;
  mlpDim: number;
  /** 0: no classifier. */
  numClasses: number;
  normEps: number;
}

/** How pixels become the model's input; timm's `resolve_model_data_config(model)`. */
export interface DataConfig {
  /** (channels, height, width) */
  inputSize: [number, number, number];
  interpolation: 'bicubic' | 'bilinear';
  /** The image is resized to `inputSize / cropPct` before the crop. */
  cropPct: number;
  cropMode: 'center' | 'squash' | 'border';
  mean: [number, number, number];
  std: [number, number, number];
}

/** Decoded pixels: `channels` bytes each (1 grey, 3 RGB, 4 RGBA), rows from the top, tightly packed. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

/**
 * An image. Strings are URLs (in Node also file paths). Encoded images (Blob, File, URL) are turned upright as their
 * EXIF orientation says and their colours are not converted by an embedded profile, as in timm with Pillow. Alpha is
 * dropped, not blended, which is what `PIL.Image.convert('RGB')` does.
 */
export type ImageInput =
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame
  | Blob
  | string
  | URL
  | Pixels;

/**
 * One or several images, which are preprocessed as `dataConfig` says, or a tensor of shape (batch, 3, height, width)
 * that has been already (see {@link createTransform}).
 */
export type Images = ImageInput | ImageInput[] | Tensor;

/** Where a checkpoint comes from: a URL or (in Node) a path, of a safetensors file or of a folder in timm-hub layout. */
export type Weights = string | URL | ArrayBuffer | Uint8Array | Blob | ReadableStream<Uint8Array> | Response;

/** How far a model's weights have come. */
export interface Progress {
  stage: 'download';
  /** Bytes of the checkpoint that the engine has taken. */
  loaded: number;
  /** Bytes in all, where known; never less than `loaded`. */
  total: number | undefined;
}

export interface CallOptions {
  /** Stops the call with `ABORTED` at once; what the engine has begun it finishes, and drops. */
  signal?: AbortSignal;
  /** Called after each group of images of a batch. */
  onProgress?: (progress: { stage: 'images'; loaded: number; total: number }) => void;
}

/** timm's options of `forward_intermediates`; see {@link VisionTransformer.forwardIntermediates}. */
export interface IntermediatesOptions extends CallOptions {
  indices?: number | number[];
  norm?: boolean;
  outputFmt?: 'NCHW' | 'NLC';
  returnPrefixTokens?: boolean;
}

export interface Intermediates {
  features: Tensor;
  intermediates: Tensor[];
  prefixTokens?: Tensor[];
}

/** Arithmetic of the blocks' linear layers; everything else is float32. */
export type Dtype = 'fp32' | 'int8';

export interface CreateModelOptions {
  /**
   * The checkpoint (safetensors in fp32, fp16, bf16 or this project's int8, timm's names). Default: the packaged one of that name, else
   * `${env.hub}/timm/<name>/resolve/main/model.safetensors`.
   */
  weights?: Weights;
  /**
   * Arithmetic of the blocks' linear layers. `'fp32'`, the default: timm's numbers. `'int8'`: 8-bit weights per output
   * channel and 12-bit activations per token, with exact integer sums: about half the time and a quarter of the memory,
   * for a cosine to fp32 above 0.9999 on trained models.
   */
  dtype?: Dtype;
  /** 0 leaves a checkpoint's classifier out, as in timm. Default: what the model or its config.json says. */
  numClasses?: number;
  /** The side of the input in pixels. Only the model's own in this version. */
  imgSize?: number;
  /**
   * How many threads work on an image. Default `'auto'`: the machine's cores as far as the platform tells, 8 at most.
   * In a browser threads need a worker (see `worker`) and a cross-origin isolated page, one that is served with the
   * headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`. Where they cannot
   * be had the model runs on one thread; `model.info.threads` and `threadsReason` tell, and once the console. Results are
   * the same bits for any number.
   */
  threads?: number | 'auto';
  /** Run in a worker, so that the page never blocks. Default: true in a page, false in Node and in a worker. */
  worker?: boolean;
  /** Lets the browser's HTTP cache keep the checkpoint. Default: true. */
  cache?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Folder of the package's `dist`, for hosts that moved its files without rewriting their addresses. */
  assetBase?: string | URL;
}

/** What a created model runs on. */
export interface ModelInfo {
  variant: Variant;
  /** How many threads work on an image. */
  threads: number;
  /** Why they are fewer than asked for, a phrase to show; undefined if they are not. */
  threadsReason: string | undefined;
  dtype: Dtype;
  parameters: number;
  tensors: number;
  /** Whether the engine runs in a worker of its own. */
  worker: boolean;
  /** Where the weights came from. */
  weights: string;
  license: string | undefined;
}

/** The build of the engine: `relaxed` has fused multiply-add on top of SIMD128, `-mt` threads. */
export type Variant = 'simd' | 'relaxed' | 'simd-mt' | 'relaxed-mt';

/** One class of `classify`. */
export interface Classification {
  index: number;
  /** The checkpoint's label, if it has labels. */
  label: string | undefined;
  /** Softmax over all classes: 0 … 1. */
  probability: number;
}

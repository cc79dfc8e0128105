import type { PreprocessName } from './preprocess.js';

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
  /** The image size of the checkpoint’s position embeddings, which are resampled for another (`imgSize`). */
  pretrainedHeight: number;
  pretrainedWidth: number;
  patchSize: number;
  /** Length of a token and of the embedding (timm: `embed_dim`, `num_features`). */
  dim: number;
  depth: number;
  heads: number;
  mlpDim: number;
  /** 0: no classifier. */
  numClasses: number;
  normEps: number;
  /** DINOv2: a learned factor for each channel of what attention and MLP add (timm: `init_values`). */
  layerScale: boolean;
  /** Learned tokens between CLS and the patches: DINOv2 with registers (timm: `reg_tokens`). */
  regTokens: number;
  /** Only the patches have position embeddings (timm: `no_embed_class`). */
  noEmbedClass: boolean;
  /** A norm before the first block, and no bias in the patch embedding: CLIP (timm: `pre_norm`). */
  preNorm: boolean;
  /** Of the MLPs (timm: `act_layer`). */
  activation: 'gelu' | 'quick_gelu';
  /** What becomes of the tokens before the classifier (timm: `global_pool`). */
  globalPool: GlobalPool;
  /** The final norm comes after the pooling instead of before (timm: `fc_norm`). */
  fcNorm: boolean;
  /** Images of any size are taken (timm: `dynamic_img_size`). */
  dynamicImgSize: boolean;
  /** How position embeddings are resampled for another size. */
  posEmbedInterpolation: 'timm' | 'dino';
}

/** A model that has a name here; see {@link listModels}. */
export interface ModelDescription {
  name: string;
  /** What it was trained for and by whom, in a few words. */
  description: string;
  /** Of the weights, as timm states it. */
  license: string;
  /** Where the weights are on the hub. */
  repository: string;
  parameters: number;
  tensors: number;
  config: ModelConfig;
  dataConfig: DataConfig;
}

/** `'token'`: the CLS token; `'avg'`: the mean of the patches’ tokens; `''`: all tokens, as they are. */
export type GlobalPool = 'token' | 'avg' | '';

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

/**
 * How images are prepared, by name (see docs/preprocessing.md) or by fields of a {@link DataConfig} that take the place of
 * the model's own.
 */
export type Preprocess = PreprocessName | Partial<Omit<DataConfig, 'inputSize'>>;

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
  | Pixels
  | Crop;

/** A rectangle, in pixels from the upper left corner. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A part of an image, as if it were cut out: in pixels of the upright image, rounded to whole ones. */
export interface Crop<Image = ImageInput> {
  image: Image;
  region: Region;
}

/**
 * One or several images, which are preprocessed as `dataConfig` says, or a tensor of shape (batch, 3, height, width)
 * that has been already (see {@link createTransform}).
 */
export type Images = ImageInput | ImageInput[] | Tensor;

/** Where a checkpoint comes from: a URL or (in Node) a path, of a safetensors file or of a folder in timm-hub layout. */
export type Weights = string | URL | ArrayBuffer | Uint8Array | Blob | ReadableStream<Uint8Array> | Response;

/** How far a model's weights have come. */
export interface Progress {
  /** `verify`: all bytes are here, and their digest is right; `pack`: the engine finishes. */
  stage: 'download' | 'verify' | 'pack';
  /** Bytes that the engine has taken, of all files and after any decompression. It never falls. */
  loaded: number;
  /** Bytes in all, where known; never less than `loaded`. */
  total: number | undefined;
  /** Of the last seconds, without what comes from the cache; undefined while nothing was measured. */
  bytesPerSecond: number | undefined;
  remainingSeconds: number | undefined;
  /** Whether all bytes so far came from the cache. */
  cached: boolean;
}

/** What every call of a model takes. */
export interface CallOptions {
  /** Stops the call with `ABORTED` at once; what the engine has begun it finishes, and drops. */
  signal?: AbortSignal;
  /**
   * The size that images are prepared to, in pixels: the side of a square or [height, width], multiples of the patch size.
   * Default: the model's own. Another one needs a model created with `dynamicImgSize`.
   */
  imgSize?: number | [height: number, width: number];
  /** Called after each group of images of a batch. */
  onProgress?: (progress: { stage: 'images'; loaded: number; total: number }) => void;
}

/** timm's options of `forward_intermediates`; see {@link VisionTransformer.forwardIntermediates}. */
export interface IntermediatesOptions extends CallOptions {
  indices?: number | number[];
  norm?: boolean;
  outputFmt?: 'NCHW' | 'NLC';
  returnPrefixTokens?: boolean;
  stopEarly?: boolean;
  intermediatesOnly?: boolean;
}

/** Options of {@link VisionTransformer.getIntermediateLayers}. */
export interface IntermediateLayersOptions extends CallOptions {
  n?: number | number[];
  reshape?: boolean;
  norm?: boolean;
  returnPrefixTokens?: boolean;
  dino?: boolean;
}

/** Options of {@link VisionTransformer.attentionRollout}. */
export interface RolloutOptions extends CallOptions {
  headFusion?: 'mean' | 'max' | 'min';
  discardRatio?: number;
}

/** What {@link VisionTransformer.forwardIntermediates} gives; see there for the shapes. */
export interface Intermediates {
  features: Tensor;
  intermediates: Tensor[];
  prefixTokens?: Tensor[];
}

/** Arithmetic of the blocks' linear layers; everything else is float32. */
export type Dtype = 'fp32' | 'int8';

/** Options of {@link createModel}. */
export interface CreateModelOptions {
  /**
   * The checkpoint: a safetensors (fp32, fp16, bf16 or this project's int8) or PyTorch file with the tensor names of timm, of facebookresearch/dino and
   * dinov2, of openai/CLIP, or of transformers' ViT, Dinov2 and CLIPVision classes; the `model.safetensors.index.json` of one in several files; or a folder in
   * timm-hub layout. Default: the packaged one of the model's name, else the cached, else the hub's (see `env`).
   */
  weights?: Weights;
  /** A classifier in a file of its own, as DINO publishes them. Then `config.numClasses` is what it has. */
  head?: Weights;
  /** Which version of a model on the hub: a branch, tag or commit. Default: `'main'`. */
  revision?: string;
  /**
   * Sent with the requests for the model, such as `{ authorization: 'Bearer …' }` for a gated one: to the origin of the
   * hub or of the `weights` URL only, and never kept. Where a server redirects to another origin they do not follow; a
   * browser can only promise that for `authorization`, so there others stop at a redirect (`NETWORK`).
   */
  headers?: Record<string, string>;
  /**
   * Arithmetic of the blocks' linear layers. `'fp32'`, the default: timm's numbers. `'int8'`: 8-bit weights per output
   * channel and 12-bit activations per token, with exact integer sums: about half the time and a quarter of the memory,
   * for a cosine to fp32 above 0.9999 on trained models.
   */
  dtype?: Dtype;
  /** 0 leaves a checkpoint's classifier out, as in timm. Default: what the model or its config.json says. */
  numClasses?: number;
  /**
   * Another pooling than the model's, as in timm's `create_model(global_pool=…)`: for `'avg'` the final norm comes after
   * it, and the checkpoint must have it there (`fc_norm`). To pool otherwise over the norm that a checkpoint has, use
   * {@link VisionTransformer.resetClassifier}.
   */
  globalPool?: GlobalPool;
  /**
   * Another size of the input in pixels, (height, width) or the side of a square; multiples of the patch size. The position
   * embeddings are resampled as timm's `create_model(img_size=…)` does (bicubic, antialias), images are resized for it.
   */
  imgSize?: number | [height: number, width: number];
  /**
   * Takes images of any size, call by call: tensors (B, 3, height, width), and images with `imgSize` (see
   * {@link CallOptions}); timm's `dynamic_img_size`. Position embeddings are resampled from the model's own size for each.
   * Default: false.
   */
  dynamicImgSize?: boolean;
  /** How images are prepared, where not as the model's own `dataConfig` says: it becomes `model.dataConfig`. */
  preprocess?: Preprocess;
  /**
   * How position embeddings are resampled for another size. `'timm'`, the default: bicubic with antialias, as timm.
   * `'dino'`: as facebookresearch/dino's `interpolate_pos_encoding`, bicubic without it and with its offset of 0.1, always
   * from the checkpoint's own.
   */
  posEmbedInterpolation?: 'timm' | 'dino';
  /**
   * How many threads work on an image. Default `'auto'`: the machine's cores as far as the platform tells, 8 at most.
   * In a browser threads need a worker (see `worker`) and a cross-origin isolated page, one that is served with the
   * headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`. Where they cannot
   * be had the model runs on one thread; `model.info.threads` and `threadsReason` tell, and once the console. Results are
   * the same bits for any number.
   */
  threads?: number | 'auto';
  /**
   * The most bytes that the engine's memory may grow to, for weights and buffers, 32 MB or more. What does not fit is refused
   * before it begins (`OUT_OF_MEMORY`), batches are cut to fit. For phones, whose browsers end a page that takes too
   * much without a word. Default: 4 GB, or what the browser sets aside for threads.
   */
  maxMemory?: number;
  /** Run in a worker, so that the page never blocks. Default: true in a page, false in Node and in a worker. */
  worker?: boolean;
  /**
   * Keeps what comes over http(s) for the next time: in a browser in the origin's own storage, in Node in the user's cache
   * folder or `VITREOUS_CACHE`. A kept model loads without any request. An address is taken to mean the same file for
   * ever; `revision` or {@link deleteFromCache} bring another. Default: true.
   */
  cache?: boolean;
  signal?: AbortSignal;
  /** Called while the weights come, about ten times a second. */
  onProgress?: (progress: Progress) => void;
  /** Folder of the package's `dist`, for hosts that moved its files without rewriting their addresses. */
  assetBase?: string | URL;
}

/** Options of {@link VisionTransformer.restart}. */
export type RestartOptions = Pick<CreateModelOptions, 'signal' | 'onProgress'>;

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
  /** Whether they came with the package. */
  packaged: boolean;
  /** Whether they came from the cache, without a request. */
  cached: boolean;
  license: string | undefined;
}

/** The build of the engine: `relaxed` has fused multiply-add on top of SIMD128, `-mt` threads. */
export type Variant = 'simd' | 'relaxed' | 'simd-mt' | 'relaxed-mt';

/** timm's `model.get_classifier()`: a linear layer. */
export interface Classifier {
  /** (classes, features) */
  weight: Tensor;
  /** (classes) */
  bias: Tensor;
}

/** One class of `classify`. */
export interface Classification {
  index: number;
  /** The checkpoint's label, if it has labels. */
  label: string | undefined;
  /** Softmax over all classes: 0 … 1. */
  probability: number;
}

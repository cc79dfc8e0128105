import type { Backend, Calling } from './engine/backend.js';
import type { ForwardRequest, ForwardResult } from './engine/module.js';
import { throwIfAborted, VitreousError } from './errors.js';
import { normalize, softmax, topk } from './math.js';
import type {
  CallOptions,
  Classification,
  DataConfig,
  ImageInput,
  Images,
  Intermediates,
  IntermediatesOptions,
  ModelConfig,
  ModelInfo,
  Tensor,
} from './types.js';

// Images of a batch go to the engine in groups of this many: results and memory stay bounded, progress flows.
const GROUP = 8;

const nothing: ForwardRequest = {
  pooled: false,
  logits: false,
  tokens: false,
  blocks: [],
  norm: false,
  nchw: false,
  attention: [],
};

/** Disposes of engines whose model was forgotten; a net, not a substitute for {@link VisionTransformer.dispose}. */
const forgotten = new FinalizationRegistry<Backend>((backend) => backend.dispose());

/**
 * A Vision Transformer with its weights: timm's `VisionTransformer`, made by {@link createModel}.
 *
 * Every method takes one image, an array of images, or a preprocessed tensor of shape (batch, 3, height, width), and
 * returns copies. B is the number of images, N the number of tokens (1 + patches), D the embedding's length.
 * All reject with a {@link VitreousError}: `INVALID_IMAGE` for an image that cannot be used, `DISPOSED` after
 * {@link dispose}, `ABORTED` by the signal; the model stays usable after an error.
 */
export class VisionTransformer {
  /** timm's `model.pretrained_cfg` and constructor arguments. */
  readonly config: Readonly<ModelConfig>;
  /** timm's `resolve_model_data_config(model)`: what pixel inputs go through. */
  readonly dataConfig: Readonly<DataConfig>;
  /** Names of the classes, in the order of the logits; empty where the checkpoint came without. */
  readonly labels: readonly string[];
  readonly info: Readonly<ModelInfo>;
  #backend: Backend | undefined;

  /** @internal Use {@link createModel}. */
  constructor(
    backend: Backend,
    parts: { config: ModelConfig; dataConfig: DataConfig; labels: string[]; info: ModelInfo },
  ) {
    this.#backend = backend;
    this.config = parts.config;
    this.dataConfig = parts.dataConfig;
    this.labels = parts.labels;
    this.info = parts.info;
    forgotten.register(this, backend, this);
  }

  /**
   * timm: `model(x)`.
   * @returns (B, numClasses) class scores, or (B, D) pooled features of a model without a classifier
   */
  async forward(images: Images, options: CallOptions = {}): Promise<Tensor> {
    const { numClasses, dim } = this.config;
    if (numClasses === 0)
      return this.#one(images, { ...nothing, pooled: true }, (r) => r.pooled, [dim], options);
    return this.#one(images, { ...nothing, logits: true }, (r) => r.logits, [numClasses], options);
  }

  /**
   * The embedding: the CLS token after the final norm; timm: `model.forward_head(model.forward_features(x),
   * pre_logits=True)`. What to store and compare; see {@link cosineSimilarity}.
   * @param options.normalize - scale to length 1 (`torch.nn.functional.normalize`), default false
   * @returns (D) for one image; an array of such for an array
   */
  embed(image: ImageInput, options?: CallOptions & { normalize?: boolean }): Promise<Float32Array>;
  embed(images: ImageInput[], options?: CallOptions & { normalize?: boolean }): Promise<Float32Array[]>;
  async embed(
    images: ImageInput | ImageInput[],
    options: CallOptions & { normalize?: boolean } = {},
  ): Promise<Float32Array | Float32Array[]> {
    const { dim } = this.config;
    const request = { ...nothing, pooled: true };
    const { data } = await this.#one(images, request, (result) => result.pooled, [dim], options);
    const rows = Array.from({ length: data.length / dim }, (_, i) => data.slice(i * dim, (i + 1) * dim));
    if (options.normalize) for (const row of rows) normalize(row);
    return Array.isArray(images) ? rows : (rows[0] as Float32Array);
  }

  /**
   * All tokens after the final norm, CLS first; timm: `model.forward_features(x)`.
   * @returns (B, N, D)
   */
  async forwardFeatures(images: Images, options: CallOptions = {}): Promise<Tensor> {
    return this.#one(
      images,
      { ...nothing, tokens: true },
      (r) => r.tokens,
      [this.#tokens, this.config.dim],
      options,
    );
  }

  /**
   * Pooling and classifier on the result of {@link forwardFeatures}; timm: `model.forward_head(x, pre_logits)`.
   * @param features - (B, N, D)
   * @param options.preLogits - stop before the classifier, default false
   * @returns (B, numClasses), or (B, D) with `preLogits` or without a classifier
   */
  async forwardHead(features: Tensor, { preLogits = false } = {}): Promise<Tensor> {
    const batch = batchOf(features, [this.#tokens, this.config.dim], 'forwardHead takes features of shape');
    const width = preLogits || this.config.numClasses === 0 ? this.config.dim : this.config.numClasses;
    const data = await this.#live().forwardHead(features.data, preLogits);
    return { data, shape: [batch, width] };
  }

  /**
   * Outputs of blocks as maps, and the final features; timm: `model.forward_intermediates(x, indices, norm=norm,
   * output_fmt=outputFmt, return_prefix_tokens=returnPrefixTokens)`, with timm's defaults.
   * @param options.indices - block numbers, negative ones from the end, or how many of the last; default all
   * @param options.norm - apply the final norm to each, default false
   * @param options.outputFmt - `'NCHW'`: (B, D, height / patch, width / patch), the default; `'NLC'`: (B, patches, D)
   * @param options.returnPrefixTokens - the CLS token of each block too, (B, 1, D), default false
   * @returns `features` are those of {@link forwardFeatures}; `intermediates` in the order of the blocks
   */
  async forwardIntermediates(images: Images, options: IntermediatesOptions = {}): Promise<Intermediates> {
    const { depth, dim } = this.config;
    const { indices = depth, norm = false, outputFmt = 'NCHW', returnPrefixTokens = false } = options;
    if (outputFmt !== 'NCHW' && outputFmt !== 'NLC') {
      throw new VitreousError('INVALID_ARGUMENT', `outputFmt is 'NCHW' or 'NLC', not '${outputFmt}'.`);
    }
    const nchw = outputFmt === 'NCHW';
    if (typeof indices === 'number' && !(Number.isInteger(indices) && indices >= 1 && indices <= depth)) {
      throw new VitreousError('INVALID_ARGUMENT', `indices as a number is 1 to ${depth}, not ${indices}.`);
    }
    const last = (n: number) => Array.from({ length: n }, (_, i) => depth - n + i);
    const wanted = typeof indices === 'number' ? last(indices) : indices;
    // As in timm: each block once, in the order in which the forward passes them.
    const blocks = [...new Set(wanted.map((index) => this.#block(index)))].sort((a, b) => a - b);
    const [height, width] = this.#grid;
    const patches = nchw ? [dim, height, width] : [height * width, dim];
    const [features, ...outputs] = await this.#many(
      images,
      { ...nothing, tokens: true, blocks, norm, nchw },
      (result) => [result.tokens as Float32Array, ...result.blocks, ...result.prefixes],
      [[this.#tokens, dim], ...blocks.map(() => patches), ...blocks.map(() => [1, dim])],
      options,
    );
    const intermediates = outputs.slice(0, blocks.length);
    const all = { features: features as Tensor, intermediates };
    return returnPrefixTokens ? { ...all, prefixTokens: outputs.slice(blocks.length) } : all;
  }

  /**
   * How the CLS token attends to each patch, per head, after the softmax; DINO's `get_last_selfattention(x)[:, :, 0, 1:]`.
   * @param options.layer - block number, negative from the end; default −1, the last
   * @returns (B, heads, height / patch, width / patch); a head's map sums to 1 minus what CLS gives itself
   */
  async attention(images: Images, options: CallOptions & { layer?: number } = {}): Promise<Tensor> {
    const request = { ...nothing, attention: [this.#block(options.layer ?? -1)] };
    const shape = [this.config.heads, ...this.#grid];
    return this.#one(images, request, (result) => result.attention[0], shape, options);
  }

  /**
   * The most probable classes; timm: `torch.topk(model(x).softmax(1), k)`.
   * @param options.topk - how many, default 5
   * @returns most probable first, for each image of an array
   * @throws `NO_HEAD` for a model without a classifier
   */
  classify(image: ImageInput, options?: CallOptions & { topk?: number }): Promise<Classification[]>;
  classify(images: ImageInput[], options?: CallOptions & { topk?: number }): Promise<Classification[][]>;
  async classify(
    images: ImageInput | ImageInput[],
    options: CallOptions & { topk?: number } = {},
  ): Promise<Classification[] | Classification[][]> {
    const { numClasses, name } = this.config;
    if (numClasses === 0) {
      throw new VitreousError(
        'NO_HEAD',
        `${name} has no classifier: use embed(), or load a checkpoint with a head.`,
      );
    }
    const { data } = await this.forward(images, options);
    const rows = Array.from({ length: data.length / numClasses }, (_, row) => {
      const probabilities = softmax(data.subarray(row * numClasses, (row + 1) * numClasses));
      const { indices, values } = topk(probabilities, options.topk ?? 5);
      return Array.from(indices, (index, i) => ({
        index,
        label: this.labels[index],
        probability: values[i] as number,
      }));
    });
    return Array.isArray(images) ? rows : (rows[0] as Classification[]);
  }

  /** Bytes of the engine's memory: weights and buffers. It does not grow with the number of images. */
  memoryBytes(): Promise<number> {
    return this.#call((backend) => backend.memoryBytes());
  }

  /** Milliseconds of each stage of the last group of images that went through the engine: where the time goes. */
  profile(): Promise<Record<string, number>> {
    return this.#call((backend) => backend.profile());
  }

  /** @internal What the recipes and the index compute with. */
  get engine(): Calling {
    return this.#live();
  }

  /** Frees everything at once, by ending the worker. Calls in flight and later ones reject with `DISPOSED`. */
  dispose(): void {
    this.#backend?.dispose();
    this.#backend = undefined;
    forgotten.unregister(this);
  }

  /** `using model = await createModel(…)`. */
  declare [Symbol.dispose]: () => void;

  /** Patches from top to bottom and from left to right. */
  get #grid(): [number, number] {
    const { imageHeight, imageWidth, patchSize } = this.config;
    return [imageHeight / patchSize, imageWidth / patchSize];
  }

  get #tokens(): number {
    const [height, width] = this.#grid;
    return 1 + height * width;
  }

  #block(index: number): number {
    const { depth, name } = this.config;
    const block = index < 0 ? index + depth : index;
    if (Number.isInteger(block) && block >= 0 && block < depth) return block;
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `Layer ${index} does not exist: ${name} has ${depth}, 0 to ${depth - 1}.`,
    );
  }

  #live(): Backend {
    if (this.#backend === undefined) {
      throw new VitreousError('DISPOSED', `${this.config.name} was disposed of; create it again to use it.`);
    }
    return this.#backend;
  }

  async #call<T>(f: (backend: Backend) => Promise<T>): Promise<T> {
    return f(this.#live());
  }

  async #one(
    images: Images,
    request: ForwardRequest,
    pick: (result: ForwardResult) => Float32Array | undefined,
    shape: number[],
    options: CallOptions,
  ): Promise<Tensor> {
    const [tensor] = await this.#many(
      images,
      request,
      (result) => [pick(result) as Float32Array],
      [shape],
      options,
    );
    return tensor as Tensor;
  }

  /** Runs the images group by group and joins each array that `pick` takes; `shapes` are without the batch. */
  async #many(
    images: Images,
    request: ForwardRequest,
    pick: (result: ForwardResult) => Float32Array[],
    shapes: number[][],
    options: CallOptions,
  ): Promise<Tensor[]> {
    const { signal, onProgress } = options;
    const groups = this.#groups(images);
    const total = groups.reduce((n, group) => n + group.count, 0);
    const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
    const joined = sizes.map((size) => new Float32Array(total * size));
    // While the engine works on one group the next one's images are decoded, and no more than that.
    const start = (group: (typeof groups)[number]) => {
      throwIfAborted(signal);
      const result = this.#live().forward(group.input, this.dataConfig, request, { signal });
      result.catch(() => {}); // should an earlier group fail, nobody waits for this one
      return result;
    };
    let loaded = 0;
    let next = groups[0] && start(groups[0]);
    for (const [i, { count }] of groups.entries()) {
      const current = next as Promise<ForwardResult>;
      const following = groups[i + 1];
      next = following && start(following);
      const result = await current;
      throwIfAborted(signal);
      this.#live(); // disposed of meanwhile?
      for (const [i, part] of pick(result).entries()) joined[i]?.set(part, loaded * (sizes[i] as number));
      loaded += count;
      onProgress?.({ stage: 'images', loaded, total });
    }
    return joined.map((data, i) => ({ data, shape: [total, ...(shapes[i] as number[])] }));
  }

  #groups(images: Images): { input: ImageInput[] | Float32Array; count: number }[] {
    if (isTensor(images)) {
      const { data, shape } = images;
      const { inputSize } = this.dataConfig;
      const batched = { data, shape: shape.length === 3 ? [1, ...shape] : shape };
      const batch = batchOf(batched, inputSize, 'The input tensor must be');
      const size = data.length / batch;
      return grouped(batch, (first, end) => data.slice(first * size, end * size));
    }
    const list = Array.isArray(images) ? images : [images];
    if (list.length === 0) throw new VitreousError('INVALID_ARGUMENT', 'There are no images in the array.');
    return grouped(list.length, (first, end) => list.slice(first, end));
  }
}

// Browsers that do not know the symbol yet have nothing to call it either.
if (Symbol.dispose) {
  VisionTransformer.prototype[Symbol.dispose] = function (this: VisionTransformer) {
    this.dispose();
  };
}

function grouped<T>(total: number, slice: (first: number, end: number) => T) {
  return Array.from({ length: Math.ceil(total / GROUP) }, (_, i) => {
    const end = Math.min(total, (i + 1) * GROUP);
    return { input: slice(i * GROUP, end), count: end - i * GROUP };
  });
}

/** B of a tensor (B, ...wanted); `what` begins the sentence about one that is not. */
function batchOf({ data, shape }: Tensor, wanted: number[], what: string): number {
  const [batch = 0, ...one] = shape;
  const size = wanted.reduce((a, b) => a * b, 1);
  if (Number.isInteger(batch) && batch > 0 && `${one}` === `${wanted}` && data.length === batch * size)
    return batch;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `${what} (B, ${wanted.join(', ')}), not (${shape.join(', ')}) with ${data.length} values.`,
  );
}

function isTensor(images: Images): images is Tensor {
  return Array.isArray((images as Tensor)?.shape) && (images as Tensor).data instanceof Float32Array;
}

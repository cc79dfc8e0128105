import { Batch, batchOf, type Wanted } from './batches.js';
import { checkGlobalPool, checkNumClasses, classifierValues } from './classifier.js';
import type { Backend, LastingEngine } from './engine/backend.js';
import type { ForwardResult } from './engine/module.js';
import type { RestartingBackend } from './engine/restarting.js';
import { disposedError, VitreousError } from './errors.js';
import { blockIndex, joinTokens, takeIndices } from './intermediates.js';
import { normalize, softmax, topk } from './math.js';
import { countTensors } from './registry.js';
import type {
  CallOptions,
  Classification,
  Classifier,
  DataConfig,
  GlobalPool,
  ImageInput,
  Images,
  IntermediateLayersOptions,
  Intermediates,
  IntermediatesOptions,
  ModelConfig,
  ModelInfo,
  RestartOptions,
  RolloutOptions,
  Tensor,
} from './types.js';

/** Disposes of engines whose model was forgotten; a net, not a substitute for {@link VisionTransformer.dispose}. */
let forgotten: FinalizationRegistry<Backend> | undefined; // made late: a bundle without models needs neither

/**
 * A Vision Transformer with its weights: timm's `VisionTransformer`, made by {@link createModel}.
 *
 * Every method takes one image, an array of images, or a preprocessed tensor of shape (batch, 3, height, width), and
 * returns copies. B is the number of images, N the number of tokens (1 + patches), D the embedding's length.
 * All reject with a {@link VitreousError}: `INVALID_IMAGE` for an image that cannot be used, `DISPOSED` after
 * {@link dispose}, `ABORTED` by the signal, `WORKER_FAILED` or `OUT_OF_MEMORY` when the engine dies of it; the model stays
 * usable after an error.
 */
export class VisionTransformer {
  /** timm's `resolve_model_data_config(model)`: what pixel inputs go through. */
  readonly dataConfig: Readonly<DataConfig>;
  #config: Readonly<ModelConfig>;
  #labels: readonly string[];
  #info: Readonly<ModelInfo>;
  #backend: RestartingBackend | undefined;

  /** @internal Use {@link createModel}. */
  constructor(
    backend: RestartingBackend,
    parts: { config: ModelConfig; dataConfig: DataConfig; labels: string[]; info: ModelInfo },
  ) {
    this.#backend = backend;
    this.#config = parts.config;
    this.dataConfig = parts.dataConfig;
    this.#labels = parts.labels;
    this.#info = parts.info;
    forgotten ??= new FinalizationRegistry((held) => held.dispose());
    forgotten.register(this, backend, this);
    // Browsers that do not know the symbol yet have nothing to call it either.
    if (Symbol.dispose) this[Symbol.dispose] = () => this.dispose();
  }

  /** timm's `model.pretrained_cfg` and constructor arguments. */
  get config(): Readonly<ModelConfig> {
    return this.#config;
  }

  /**
   * Names of the classes, in the order of the logits: the checkpoint's own; else those of ImageNet-1k for 1,000 classes
   * of a model that {@link listModels} knows, or of one of DINO's probes (timm: `ImageNetInfo`, its first name of each
   * class); else none.
   */
  get labels(): readonly string[] {
    return this.#labels;
  }

  /** What the model runs on, and where it came from. */
  get info(): Readonly<ModelInfo> {
    const { variant, threads, threadsReason } = this.#backend ?? this.#info;
    return { ...this.#info, variant, threads, threadsReason }; // an engine started anew may have got others
  }

  /** timm: `model.num_classes`; 0 without a classifier. */
  get numClasses(): number {
    return this.#config.numClasses;
  }

  /**
   * timm: `model(x)`.
   * @returns (B, numClasses) class scores, or (B, D) pooled features of a model without a classifier; for every token,
   * (B, N, …), where `globalPool` is `''`
   */
  async forward(images: Images, options: CallOptions = {}): Promise<Tensor> {
    const batch = this.#batch(images, options);
    const shape = this.#headShape(batch.tokens);
    return this.numClasses === 0
      ? this.#one(batch, { pooled: true }, (result) => result.pooled, shape, options)
      : this.#one(batch, { logits: true }, (result) => result.logits, shape, options);
  }

  /**
   * The embedding: what the tokens are pooled to, by default the CLS token after the final norm; timm:
   * `model.forward_head(model.forward_features(x), pre_logits=True)`. What to store and compare; see
   * {@link cosineSimilarity}.
   * @param options.normalize - scale to length 1 (`torch.nn.functional.normalize`), default false
   * @returns (D) for one image; an array of such for an array
   * @throws `INVALID_ARGUMENT` where `globalPool` is `''`: there is no one vector
   */
  embed(image: ImageInput, options?: CallOptions & { normalize?: boolean }): Promise<Float32Array>;
  embed(images: ImageInput[], options?: CallOptions & { normalize?: boolean }): Promise<Float32Array[]>;
  async embed(
    images: ImageInput | ImageInput[],
    options: CallOptions & { normalize?: boolean } = {},
  ): Promise<Float32Array | Float32Array[]> {
    const { dim } = this.config;
    this.#needPooling('embed');
    const batch = this.#batch(images, options);
    const { data } = await this.#one(batch, { pooled: true }, (result) => result.pooled, [dim], options);
    const rows = Array.from({ length: data.length / dim }, (_, i) => data.slice(i * dim, (i + 1) * dim));
    if (options.normalize) for (const row of rows) normalize(row);
    return Array.isArray(images) ? rows : (rows[0] as Float32Array);
  }

  /**
   * All tokens after the final norm, CLS first; timm: `model.forward_features(x)`.
   * @returns (B, N, D)
   */
  async forwardFeatures(images: Images, options: CallOptions = {}): Promise<Tensor> {
    const batch = this.#batch(images, options);
    const shape = [batch.tokens, this.config.dim];
    return this.#one(batch, { tokens: true }, (result) => result.tokens, shape, options);
  }

  /**
   * Pooling and classifier on the result of {@link forwardFeatures}; timm: `model.forward_head(x, pre_logits)`.
   * @param features - (B, N, D)
   * @param options - none are needed
   * @param options.preLogits - stop before the classifier, default false
   * @returns (B, numClasses), or (B, D) with `preLogits` or without a classifier; (B, N, …) where `globalPool` is `''`
   */
  async forwardHead(features: Tensor, { preLogits = false } = {}): Promise<Tensor> {
    const { dim, dynamicImgSize } = this.config;
    const tokens =
      dynamicImgSize && features.shape.length === 3 ? (features.shape[1] as number) : this.#tokens;
    const batch = batchOf(features, [tokens, dim], 'forwardHead takes features of shape');
    const data = await this.#live().forwardHead(features.data, tokens, preLogits);
    return { data, shape: [batch, ...this.#headShape(tokens, preLogits)] };
  }

  /**
   * The classifier's own values; timm: `model.get_classifier()`. `features` are D, or more for a probe of DINO's (`head`).
   * @returns undefined without one
   */
  async getClassifier(): Promise<Classifier | undefined> {
    const values = await this.#live().classifier();
    if (values === undefined) return undefined;
    const { weight, bias } = values;
    const classes = bias.length;
    return {
      weight: { data: weight, shape: [classes, weight.length / classes] },
      bias: { data: bias, shape: [classes] },
    };
  }

  /**
   * Another classifier, or none; timm: `model.reset_classifier(num_classes, global_pool)`. The final norm stays where it
   * is, before or after the pooling. The labels were the old classifier's, and go.
   * @param numClasses - 0 removes it: then {@link forward} gives the pooled features
   * @param globalPool - default: as it is
   * @param classifier - weight (numClasses, D) and bias (numClasses); default zeros, where timm takes random values
   * @throws `INVALID_ARGUMENT` for another shape; the model is then as before
   */
  async resetClassifier(numClasses: number, globalPool?: GlobalPool, classifier?: Classifier): Promise<void> {
    const { dim } = this.config;
    const pool = globalPool ?? this.config.globalPool;
    checkGlobalPool(pool);
    checkNumClasses(numClasses);
    const values = classifier && classifierValues(classifier, numClasses, dim);
    await this.#live().resetClassifier(numClasses, pool, values);
    this.#config = { ...this.config, numClasses, globalPool: pool };
    this.#labels = [];
    this.#info = { ...this.info, ...countTensors(this.#config) };
  }

  /**
   * Outputs of blocks as maps, and the final features; timm: `model.forward_intermediates(x, …)` with its options and
   * defaults.
   * @param options.indices - block numbers, negative ones from the end, or how many of the last; default all
   * @param options.norm - apply the final norm to each, default false
   * @param options.outputFmt - `'NCHW'`: (B, D, height / patch, width / patch), the default; `'NLC'`: (B, patches, D)
   * @param options.returnPrefixTokens - CLS and registers of each block too, (B, 1 + registers, D), default false
   * @param options.stopEarly - leave out the blocks after the last that is wanted: then `features` are the norm of that
   * one's output, as in timm; default false
   * @param options.intermediatesOnly - no `features`, whose blocks are then not computed; default false
   * @returns `features` are those of {@link forwardFeatures}; `intermediates` in the order of the blocks
   */
  forwardIntermediates(
    images: Images,
    options: IntermediatesOptions & { intermediatesOnly: true },
  ): Promise<Omit<Intermediates, 'features'>>;
  forwardIntermediates(images: Images, options?: IntermediatesOptions): Promise<Intermediates>;
  async forwardIntermediates(
    images: Images,
    options: IntermediatesOptions = {},
  ): Promise<Intermediates | Omit<Intermediates, 'features'>> {
    const { dim, regTokens, depth } = this.config;
    const { norm = false, outputFmt = 'NCHW', returnPrefixTokens = false } = options;
    const { stopEarly = false, intermediatesOnly = false } = options;
    if (outputFmt !== 'NCHW' && outputFmt !== 'NLC') {
      throw new VitreousError('INVALID_ARGUMENT', `outputFmt is 'NCHW' or 'NLC', not '${outputFmt}'.`);
    }
    const nchw = outputFmt === 'NCHW';
    const blocks = takeIndices(options.indices, this.config);
    const batch = this.#batch(images, options);
    const [height, width] = batch.grid;
    const patches = nchw ? [dim, height, width] : [height * width, dim];
    const prefix = [1 + regTokens, dim];
    const lastBlock = stopEarly ? (blocks.at(-1) as number) : depth - 1;
    const wanted = { tokens: !intermediatesOnly, lastBlock, blocks, norm, nchw };
    const outputs = await batch.run(
      () => this.#live(),
      wanted,
      (result) => [...result.blocks, ...result.prefixes, ...(intermediatesOnly ? [] : [result.tokens])],
      [
        ...blocks.map(() => patches),
        ...blocks.map(() => prefix),
        ...(intermediatesOnly ? [] : [[batch.tokens, dim]]),
      ],
      options,
    );
    const n = blocks.length;
    return {
      ...(intermediatesOnly ? {} : { features: outputs[2 * n] as Tensor }),
      intermediates: outputs.slice(0, n),
      ...(returnPrefixTokens && { prefixTokens: outputs.slice(n, 2 * n) }),
    };
  }

  /**
   * Outputs of the last blocks, or of chosen ones; timm: `model.get_intermediate_layers(x, n, reshape,
   * return_prefix_tokens, norm)`.
   * @param options.n - how many of the last, or block numbers; default 1
   * @param options.reshape - (B, D, height / patch, width / patch) instead of (B, patches, D); default false
   * @param options.norm - apply the final norm, default false
   * @param options.returnPrefixTokens - as in {@link forwardIntermediates}
   * @param options.dino - as facebookresearch/dino's method of that name: all tokens, CLS first, always normed, (B, N, D)
   */
  async getIntermediateLayers(
    images: Images,
    options: IntermediateLayersOptions = {},
  ): Promise<Omit<Intermediates, 'features'>> {
    const { n = 1, reshape = false, norm = false, returnPrefixTokens = false, dino = false } = options;
    const result = await this.forwardIntermediates(images, {
      ...options,
      indices: n,
      norm: dino || norm,
      outputFmt: reshape && !dino ? 'NCHW' : 'NLC',
      returnPrefixTokens: dino || returnPrefixTokens,
      intermediatesOnly: true,
    });
    if (!dino) return result;
    const { prefixTokens = [], intermediates } = result;
    return {
      intermediates: intermediates.map((patches, i) => joinTokens(prefixTokens[i] as Tensor, patches)),
    };
  }

  /**
   * How tokens attend to each other, per head, after the softmax.
   * @param options.layer - block number, negative from the end; default −1, the last
   * @param options.full - all tokens to all, (B, heads, N, N); default false: CLS to the patches, as DINO's
   * `get_last_selfattention(x)[:, :, 0, 1:]`
   * @returns (B, heads, height / patch, width / patch); a head's map sums to 1 minus what CLS gives itself (and registers)
   */
  async attention(
    images: Images,
    options: CallOptions & { layer?: number; full?: boolean } = {},
  ): Promise<Tensor> {
    const { layer = -1, full = false } = options;
    const wanted = { attention: [blockIndex(layer, this.config)], fullAttention: full };
    const batch = this.#batch(images, options);
    const shape = [this.config.heads, ...(full ? [batch.tokens, batch.tokens] : batch.grid)];
    return this.#one(batch, wanted, (result) => result.attention[0], shape, options);
  }

  /**
   * How much of each patch reaches CLS through all layers: attention rollout (Abnar & Zuidema 2020, “Quantifying
   * Attention Flow in Transformers”; jacobgil/vit-explain `vit_rollout.py`). Each layer's matrix is the mean of its
   * heads' weights and the identity, rows scaled to a sum of 1; they are multiplied.
   * @param options.headFusion - how the heads become one, default `'mean'`
   * @param options.discardRatio - the part of each layer's smallest weights that counts as zero, 0 to below 1, default 0
   * @returns (B, height / patch, width / patch)
   */
  async attentionRollout(images: Images, options: RolloutOptions = {}): Promise<Tensor> {
    const { headFusion = 'mean', discardRatio = 0 } = options;
    const batch = this.#batch(images, options);
    const wanted = { rollout: { headFusion, discardRatio } };
    return this.#one(batch, wanted, (result) => result.rollout, batch.grid, options);
  }

  /**
   * Queries, keys or values of a block, before the scale 1 / √headDim: timm's `blocks[layer].attn.qkv(norm1(x))`, split.
   * Keys of the last block are what DINO's users segment with.
   * @param options.layer - block number, negative from the end; default −1, the last
   * @param options.which - default `'key'`
   * @returns (B, heads, N, D / heads)
   */
  async qkv(
    images: Images,
    options: CallOptions & { layer?: number; which?: 'query' | 'key' | 'value' } = {},
  ): Promise<Tensor> {
    const { layer = -1, which = 'key' } = options;
    const { dim, heads } = this.config;
    const batch = this.#batch(images, options);
    const wanted = { qkv: { block: blockIndex(layer, this.config), part: which } };
    return this.#one(batch, wanted, (result) => result.qkv, [heads, batch.tokens, dim / heads], options);
  }

  /**
   * The most probable classes; timm: `torch.topk(model(x).softmax(1), k)`.
   * @param options.topk - how many, default 5
   * @returns most probable first, for each image of an array
   * @throws `NO_HEAD` for a model without a classifier, `INVALID_ARGUMENT` where `globalPool` is `''`
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
    this.#needPooling('classify');
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
  get engine(): LastingEngine {
    return this.#live();
  }

  /**
   * Ends the engine and starts another with the same weights (from the cache, or wherever they came from), classifier and
   * options. Nobody has to call it: after an engine has died the next call does. Calls in flight reject with
   * `WORKER_FAILED`.
   * @throws `WORKER_FAILED` for weights that cannot be read twice: bytes are not kept, a stream or Response is used up; the
   * model is then as before. Whatever loading throws; then the next call tries again
   */
  async restart(options: RestartOptions = {}): Promise<void> {
    await this.#live().restart(options);
  }

  /** Frees everything at once, by ending the worker. Calls in flight and later ones reject with `DISPOSED`. */
  dispose(): void {
    this.#backend?.dispose();
    this.#backend = undefined;
    forgotten?.unregister(this);
  }

  /** `using model = await createModel(…)`. */
  declare [Symbol.dispose]: () => void;

  /** Of an image of the model's own size. */
  get #tokens(): number {
    const { imageHeight, imageWidth, patchSize, regTokens } = this.config;
    return 1 + regTokens + (imageHeight / patchSize) * (imageWidth / patchSize);
  }

  /** Of what the head gives for an image of so many tokens. */
  #headShape(tokens: number, preLogits = false): number[] {
    const { dim, numClasses, globalPool } = this.config;
    const width = preLogits || numClasses === 0 ? dim : numClasses;
    return globalPool === '' ? [tokens, width] : [width];
  }

  #needPooling(method: string): void {
    if (this.config.globalPool !== '') return;
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `${this.config.name} pools nothing (globalPool ''), and ${method} needs one vector for an image: use forward, or resetClassifier(${this.numClasses}, 'token').`,
    );
  }

  #live(): RestartingBackend {
    if (this.#backend === undefined) {
      throw disposedError(this.config.name);
    }
    return this.#backend;
  }

  async #call<T>(f: (backend: Backend) => Promise<T>): Promise<T> {
    return f(this.#live());
  }

  /** Of these images with these options. */
  #batch(images: Images, options: CallOptions): Batch {
    return new Batch(this.config, this.dataConfig, images, options);
  }

  async #one(
    batch: Batch,
    wanted: Wanted,
    pick: (result: ForwardResult) => Float32Array | undefined,
    shape: number[],
    options: CallOptions,
  ): Promise<Tensor> {
    const [tensor] = await batch.run(
      () => this.#live(),
      wanted,
      (r) => [pick(r)],
      [shape],
      options,
    );
    return tensor as Tensor;
  }
}

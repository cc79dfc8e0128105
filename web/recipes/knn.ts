import { type EngineHandle, make } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, Tensor } from '../types.js';
import {
  checkNumber,
  countOf,
  engineOf,
  isMany,
  type Label,
  labelList,
  type Many,
  type One,
  rowsOf,
} from './features.js';
import { decode, encode } from './file.js';

/** Options of {@link KnnClassifier}. */
export interface KnnOptions {
  /** How many neighbours vote, default 20; all where there are fewer. */
  k?: number;
  /** T: how much more the near ones count, default 0.07; 0.002 or more. */
  temperature?: number;
}

/** A class and what its neighbours say for it. */
export interface KnnScore {
  label: Label;
  /** Σ exp(similarity / T) over the neighbours of this class. */
  score: number;
  /** The score's part of all: 0 … 1. */
  probability: number;
}

const RECIPE = 'knn';
const VERSION = 1;

/**
 * Weighted k-nearest-neighbour classifier on embeddings: `knn_classifier` of facebookresearch/dino `eval_knn.py`. It
 * learns with every `add`, at once, and forgets with `remove`. Embeddings are compared by cosine.
 *
 * Images are embedded by the model; embeddings that are there already (Float32Array, an array of them, or a tensor
 * (B, D)) are taken as they are. Its embeddings lie in the model's engine until {@link KnnClassifier.dispose}.
 *
 * @example
 * ```ts
 * const knn = new KnnClassifier(model);
 * await knn.add([cat, lion, boat], ['cat', 'cat', 'boat']);
 * const [best] = await knn.predict(photo); // { label: 'cat', score, probability }
 * ```
 */
export class KnnClassifier {
  readonly #model: VisionTransformer;
  readonly #k: number;
  readonly #temperature: number;
  readonly #labels: Label[] = [];
  readonly #counts: number[] = [];
  #bank: { dim: number; handle: Promise<EngineHandle<'FeatureBank'>> } | undefined;

  /** @throws `INVALID_ARGUMENT` for options out of range */
  constructor(model: VisionTransformer, { k = 20, temperature = 0.07 }: KnnOptions = {}) {
    checkNumber('k', k, { least: 1, most: 2 ** 31 - 1, integer: true });
    checkNumber('temperature', temperature, { least: 0.002 });
    this.#model = model;
    this.#k = k;
    this.#temperature = temperature;
  }

  /** How many embeddings there are. */
  get size(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The classes that have embeddings, in the order in which they came. */
  get classes(): Label[] {
    return this.#labels.filter((_, i) => this.#counts[i]);
  }

  /**
   * Adds images or embeddings.
   * @param labels - one each; `1` and `'1'` are different classes
   * @throws `INVALID_ARGUMENT` when their numbers differ, or for embeddings of another length than before; nothing is
   * added then
   */
  async add(images: One | Many, labels: Label | readonly Label[], options: CallOptions = {}): Promise<void> {
    if (isMany(images)) labelList(labels, countOf(images));
    const rows = await rowsOf(this.#model, images, this.#bank?.dim, options);
    const list = labelList(labels, rows.count);
    const bank = this.#bankOf(rows.dim); // another call may have made it meanwhile
    const ids = Int32Array.from(list, (label) => this.#id(label));
    await (await bank).add(rows.data, ids);
    for (const id of ids) this.#counts[id] = (this.#counts[id] as number) + 1;
  }

  /**
   * Removes a class.
   * @returns how many embeddings it had
   */
  async remove(label: Label): Promise<number> {
    const id = this.#labels.indexOf(label);
    if (id < 0 || this.#bank === undefined) return 0;
    const removed = await (await this.#bank.handle).remove(id);
    this.#counts[id] = 0;
    return removed;
  }

  /**
   * The classes of an image, best first, equal ones in the order in which they came. Classes without a vote are there
   * too, with a score of 0.
   * @returns for an array of images, or a tensor of embeddings, an array of such
   * @throws `INVALID_ARGUMENT` before anything was added, or for embeddings of another length
   */
  predict(image: One, options?: CallOptions): Promise<KnnScore[]>;
  predict(images: Many, options?: CallOptions): Promise<KnnScore[][]>;
  async predict(images: One | Many, options: CallOptions = {}): Promise<KnnScore[] | KnnScore[][]> {
    const bank = this.#filled();
    const rows = await rowsOf(this.#model, images, bank.dim, options);
    const handle = await bank.handle;
    const classes = this.#labels.length; // as many as the bank knows at this moment
    const all = await handle.scores(rows.data, this.#k, this.#temperature, classes);
    const predictions = Array.from({ length: rows.count }, (_, row) =>
      this.#ranked(all.subarray(row * classes, (row + 1) * classes)),
    );
    return isMany(images) ? predictions : (predictions[0] as KnnScore[]);
  }

  /**
   * The accuracy on what was added, each embedding classified by the others: 0 … 1.
   * @throws `INVALID_ARGUMENT` with fewer than two embeddings
   */
  async leaveOneOut(): Promise<number> {
    const bank = this.#filled();
    if (this.size < 2) {
      throw new VitreousError('INVALID_ARGUMENT', 'leaveOneOut needs two embeddings or more.');
    }
    const handle = await bank.handle;
    const right = await handle.leaveOneOut(this.#k, this.#temperature, this.#labels.length);
    return right / this.size;
  }

  /**
   * Everything as bytes, for {@link KnnClassifier.load}: a safetensors file with the tensors `features` (N, D) and
   * `labels` (N), numbers of the classes that its metadata lists as JSON beside `k` and `temperature`.
   */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    const bank = this.#filled();
    const { features, labels } = await (await bank.handle).contents();
    return encode(RECIPE, VERSION, {
      tensors: {
        features: { data: features, shape: [labels.length, bank.dim] },
        labels: { data: Float32Array.from(labels), shape: [labels.length] },
      },
      meta: { classes: this.#labels, k: this.#k, temperature: this.#temperature },
    });
  }

  /**
   * What {@link KnnClassifier.save} gave. The embeddings must be of the same model to be of use; that is not checked.
   * @throws `CHECKPOINT_FORMAT`, `CHECKPOINT_TRUNCATED`, `TENSOR_NOT_FINITE`, `UNSUPPORTED` for other bytes
   */
  static async load(model: VisionTransformer, bytes: Uint8Array): Promise<KnnClassifier> {
    const { tensors, meta } = decode(RECIPE, VERSION, ['features', 'labels'], bytes);
    const { features, labels } = tensors as Record<'features' | 'labels', Tensor>;
    const classes: Label[] = Array.isArray(meta.classes) ? meta.classes : [];
    const names = Array.from(labels.data, (id) => classes[id] as Label);
    if (`${features.shape.slice(0, -1)}` !== `${names.length}` || names.some((name) => name === undefined)) {
      throw new VitreousError('CHECKPOINT_FORMAT', 'The saved knn has labels that do not fit its features.');
    }
    const knn = new KnnClassifier(model, meta as KnnOptions);
    for (const label of classes) knn.#id(label);
    await knn.add(features, names);
    return knn;
  }

  /** Frees its embeddings in the engine; it is empty then. */
  dispose(): void {
    this.#bank?.handle.then((bank) => bank.delete()).catch(() => {}); // gone with the engine if that is
    this.#bank = undefined;
    this.#counts.fill(0);
  }

  #bankOf(dim: number): Promise<EngineHandle<'FeatureBank'>> {
    if (this.#bank === undefined) {
      const bank = { dim, handle: make(engineOf(this.#model), 'FeatureBank', dim) };
      this.#bank = bank;
      bank.handle.catch(() => {
        if (this.#bank === bank) this.#bank = undefined; // the next call tries again
      });
    }
    if (this.#bank.dim !== dim) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `Features of length ${dim} where ${this.#bank.dim} were before.`,
      );
    }
    return this.#bank.handle;
  }

  #filled() {
    if (this.#bank === undefined || this.size === 0) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        'Nothing has been added yet: call add(images, labels) first.',
      );
    }
    return this.#bank;
  }

  #id(label: Label): number {
    const known = this.#labels.indexOf(label);
    if (known >= 0) return known;
    this.#counts.push(0);
    return this.#labels.push(label) - 1;
  }

  #ranked(scores: Float64Array): KnnScore[] {
    const sum = scores.reduce((a, b) => a + b, 0);
    return this.#labels
      .map((label, i) => ({ label, score: scores[i] as number, probability: (scores[i] as number) / sum }))
      .filter((_, i) => this.#counts[i])
      .sort((a, b) => b.score - a.score);
  }
}

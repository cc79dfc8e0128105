import { compute } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { Tensor } from '../types.js';
import { checkNumber, engineOf, type Many, rowsOf } from './features.js';
import { decode, encode } from './file.js';

/** Options of {@link PcaWhitening.fit}. */
export interface WhiteningOptions {
  /** How many principal components are kept, default 256; all where there are fewer. */
  dim?: number;
  /** Each is divided by its eigenvalue to this power: default 0.5, equal variances; 0 only rotates. */
  power?: number;
  /**
   * Components of the covariance, about the mean. Default false: of the second moments about zero, which is what DINO's
   * script computes; the mean is subtracted from the features in both.
   */
  centered?: boolean;
}

/** Options of {@link PcaWhitening.fitCopies}. */
export interface CopyWhiteningOptions {
  /** How many axes are kept, default 256; all where there are fewer. */
  dim?: number;
  /**
   * How far what is known of the copies is drawn towards knowing nothing, where all directions count alike: from 0 to
   * 1, default 0.01. As `shrinkage` of scikit-learn's `LinearDiscriminantAnalysis`. More for few copies.
   */
  shrinkage?: number;
}

const RECIPE = 'pca-whitening';
const VERSION = 1;

/**
 * PCA whitening of descriptors: `PCA` of facebookresearch/dino `utils.py`, fitted as in `eval_copy_detection.py`.
 * Eigenvalues below 1e-5 of the largest count as that. With edited copies to learn from: {@link PcaWhitening.fitCopies}.
 *
 * @example
 * ```ts
 * const whitening = await PcaWhitening.fit(model, await copyDescriptor(model, others, { normalize: false }));
 * const descriptor = await copyDescriptor(model, photo, { whitening });
 * ```
 */
export class PcaWhitening {
  readonly #model: VisionTransformer;
  /** (features) */
  readonly mean: Tensor;
  /** (dim, features): the largest eigenvalue's first, each scaled, and with a component > 0 as its largest. */
  readonly axes: Tensor;

  private constructor(model: VisionTransformer, mean: Tensor, axes: Tensor) {
    this.#model = model;
    this.mean = mean;
    this.axes = axes;
  }

  /** How long what it gives is. */
  get dim(): number {
    return this.axes.shape[0] as number;
  }

  /**
   * @param features - an array of Float32Array or a tensor (N, D); images are embedded. More rows than D, better many
   * times as many, for a whitening that holds for other photos
   * @throws `INVALID_ARGUMENT` for features of different lengths, or fewer than two
   */
  static async fit(
    model: VisionTransformer,
    features: Many,
    { dim = 256, power = 0.5, centered = false }: WhiteningOptions = {},
  ): Promise<PcaWhitening> {
    checkNumber('dim', dim, { least: 1, most: 2 ** 31 - 1, integer: true });
    checkNumber('power', power, { most: 10 });
    const rows = await rowsOf(model, features, undefined);
    if (rows.count < 2) {
      throw new VitreousError('INVALID_ARGUMENT', 'A whitening is fitted to two features or more.');
    }
    const options = { dim, power, centered };
    return PcaWhitening.#of(
      model,
      await compute(engineOf(model), 'fitWhitening', rows.data, rows.dim, options),
    );
  }

  /**
   * Learns from edited copies what an edit changes, and what only another photo does: components along which photos
   * differ most, in units of how copies differ from their photo. "Learned whitening": Mikolajczyk & Matas,
   * [Improving Descriptors for Fast Tree Matching by Optimal Linear Projection](https://doi.org/10.1109/ICCV.2007.4408871),
   * ICCV 2007; `scipy.linalg.eigh` of the photos' covariance and of the second moments of those differences.
   *
   * @example
   * ```ts
   * const describe = (images: ImageInput[]) => copyDescriptor(model, images, { normalize: false });
   * const copies = [...(await describe(blurred)), ...(await describe(cropped))];
   * const whitening = await PcaWhitening.fitCopies(model, await describe(photos), copies);
   * ```
   * @param features - of photos, as in {@link PcaWhitening.fit}; a few hundred
   * @param copies - of edited copies, once or several times as many: row i is of a copy of photo i modulo N
   * @throws `INVALID_ARGUMENT` for features of different lengths, fewer than two photos, or copies that do not fit them
   */
  static async fitCopies(
    model: VisionTransformer,
    features: Many,
    copies: Many,
    { dim = 256, shrinkage = 0.01 }: CopyWhiteningOptions = {},
  ): Promise<PcaWhitening> {
    checkNumber('dim', dim, { least: 1, most: 2 ** 31 - 1, integer: true });
    checkNumber('shrinkage', shrinkage, { most: 1 });
    const rows = await rowsOf(model, features, undefined);
    const edited = await rowsOf(model, copies, rows.dim);
    if (rows.count < 2 || edited.count % rows.count !== 0) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `It takes two photos or more, and of each as many copies: not ${rows.count} and ${edited.count}.`,
      );
    }
    const options = { dim, shrinkage };
    return PcaWhitening.#of(
      model,
      await compute(engineOf(model), 'fitCopyWhitening', rows.data, edited.data, rows.dim, options),
    );
  }

  static #of(
    model: VisionTransformer,
    { mean, axes }: { mean: Float32Array; axes: Float32Array },
  ): PcaWhitening {
    const dim = mean.length;
    return new PcaWhitening(
      model,
      { data: mean, shape: [dim] },
      { data: axes, shape: [axes.length / dim, dim] },
    );
  }

  /**
   * @param features - (N, D), or an array of Float32Array
   * @returns (N, dim), not normalised
   */
  async apply(features: Many): Promise<Tensor> {
    const rows = await rowsOf(this.#model, features, this.mean.shape[0]);
    const data = await compute(engineOf(this.#model), 'project', rows.data, this.mean.data, this.axes.data);
    return { data, shape: [rows.count, this.dim] };
  }

  /** As bytes, for {@link PcaWhitening.load}: a safetensors file with the tensors `mean` and `axes`. */
  save(): Uint8Array<ArrayBuffer> {
    return encode(RECIPE, VERSION, { tensors: { mean: this.mean, axes: this.axes }, meta: {} });
  }

  /** @throws `CHECKPOINT_FORMAT`, `CHECKPOINT_TRUNCATED`, `TENSOR_NOT_FINITE`, `UNSUPPORTED` for other bytes */
  static load(model: VisionTransformer, bytes: Uint8Array): PcaWhitening {
    const { tensors } = decode(RECIPE, VERSION, ['mean', 'axes'], bytes);
    const { mean, axes } = tensors as Record<'mean' | 'axes', Tensor>;
    if (axes.shape.length !== 2 || axes.data.length === 0 || `${mean.shape}` !== `${axes.shape[1]}`) {
      throw new VitreousError(
        'CHECKPOINT_FORMAT',
        'The saved pca-whitening has a mean that does not fit its axes.',
      );
    }
    return new PcaWhitening(model, mean, axes);
  }
}

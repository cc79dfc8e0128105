import { compute, make } from '../engine/calls.js';
import { throwIfAborted, VitreousError } from '../errors.js';
import { softmax } from '../math.js';
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

/** What comes while a probe is fitted: first the images, then the steps of the optimisation. */
export type FitProgress =
  | { stage: 'images'; loaded: number; total: number }
  | { stage: 'fit'; loaded: number; total: number; loss: number };

export interface FitOptions {
  /** Inverse strength of the penalty, as scikit-learn's `C`: default 1; smaller is simpler. */
  C?: number;
  /** Steps at most, default 1000. */
  maxIterations?: number;
  /** It is done when no component of the gradient is above this, as scikit-learn's `tol`: default 1e-4. */
  tolerance?: number;
  signal?: AbortSignal;
  onProgress?: (progress: FitProgress) => void;
}

/** A class and its probability. */
export interface ProbeScore {
  label: Label;
  /** Softmax over all classes: 0 … 1. */
  probability: number;
}

const RECIPE = 'linear-probe';
const VERSION = 1;
// Between so many steps the page gets its turn, and the signal is looked at.
const STEPS_AT_ONCE = 10;

/**
 * A linear classifier on embeddings: multinomial logistic regression with an L2 penalty on the weights and none on the
 * bias, the optimum of scikit-learn's `LogisticRegression(C)`; in place of the SGD of facebookresearch/dino
 * `eval_linear.py`, which needs a learning rate to be found.
 *
 * @example
 * ```ts
 * const probe = await LinearProbe.fit(model, photos, labels);
 * const [best] = await probe.predict(photo); // { label, probability }
 * ```
 */
export class LinearProbe {
  readonly #model: VisionTransformer;
  /** The classes in the order of the rows of {@link LinearProbe.weight}: as they first came among the labels. */
  readonly classes: readonly Label[];
  /** (classes, D) */
  readonly weight: Tensor;
  /** (classes) */
  readonly bias: Tensor;
  /** Whether the tolerance was met; otherwise more iterations, or a smaller C, may help. */
  readonly converged: boolean;

  private constructor(
    model: VisionTransformer,
    parts: { classes: readonly Label[]; weight: Tensor; bias: Tensor; converged: boolean },
  ) {
    this.#model = model;
    this.classes = parts.classes;
    this.weight = parts.weight;
    this.bias = parts.bias;
    this.converged = parts.converged;
  }

  /**
   * Fits a probe.
   * @param images - images, or embeddings as an array of Float32Array or a tensor (B, D)
   * @param labels - one each, of two classes or more
   * @throws `INVALID_ARGUMENT` when their numbers differ or there is only one class, `ABORTED` by the signal
   */
  static async fit(
    model: VisionTransformer,
    images: Many,
    labels: readonly Label[],
    options: FitOptions = {},
  ): Promise<LinearProbe> {
    const { C = 1, maxIterations = 1000, tolerance = 1e-4, signal, onProgress } = options;
    checkNumber('C', C, { least: 1e-12 });
    checkNumber('maxIterations', maxIterations, { least: 1, most: 2 ** 31 - 1, integer: true });
    checkNumber('tolerance', tolerance, {});
    labelList(labels, countOf(images));
    const classes = [...new Set(labels)];
    if (classes.length < 2) {
      throw new VitreousError('INVALID_ARGUMENT', 'A probe needs two classes or more among its labels.');
    }
    const rows = await rowsOf(model, images, undefined, options as CallOptions);
    throwIfAborted(signal);
    const number = new Map(classes.map((label, i) => [label, i]));
    const ids = Int32Array.from(labels, (label) => number.get(label) as number);
    const regression = await make(
      engineOf(model),
      'LogisticRegression',
      rows.data,
      rows.dim,
      ids,
      classes.length,
      C,
    );
    try {
      let state = { iterations: 0, loss: 0, gradient: Number.POSITIVE_INFINITY, more: true };
      while (state.more && state.iterations < maxIterations) {
        throwIfAborted(signal);
        state = await regression.run(Math.min(STEPS_AT_ONCE, maxIterations - state.iterations), tolerance);
        onProgress?.({ stage: 'fit', loaded: state.iterations, total: maxIterations, loss: state.loss });
        await new Promise((resolve) => setTimeout(resolve)); // an engine in this thread would leave no gap
      }
      throwIfAborted(signal);
      const { weight, bias } = await regression.result();
      return new LinearProbe(model, {
        classes,
        weight: { data: weight, shape: [classes.length, rows.dim] },
        bias: { data: bias, shape: [classes.length] },
        converged: state.gradient <= tolerance,
      });
    } finally {
      regression.delete().catch(() => {}); // gone with the engine if that is
    }
  }

  /** Weights and bias in the form that a model's classifier takes. */
  get classifier(): { weight: Tensor; bias: Tensor } {
    return { weight: this.weight, bias: this.bias };
  }

  /**
   * The classes of an image, most probable first.
   * @returns for an array of images, or a tensor of embeddings, an array of such
   */
  predict(image: One, options?: CallOptions): Promise<ProbeScore[]>;
  predict(images: Many, options?: CallOptions): Promise<ProbeScore[][]>;
  async predict(images: One | Many, options: CallOptions = {}): Promise<ProbeScore[] | ProbeScore[][]> {
    const rows = await rowsOf(this.#model, images, this.weight.shape[1], options);
    const logits = await compute(
      engineOf(this.#model),
      'logits',
      rows.data,
      this.weight.data,
      this.bias.data,
    );
    const count = this.classes.length;
    const predictions = Array.from({ length: rows.count }, (_, row) => {
      const probabilities = softmax(logits.subarray(row * count, (row + 1) * count));
      return this.classes
        .map((label, i) => ({ label, probability: probabilities[i] as number }))
        .sort((a, b) => b.probability - a.probability);
    });
    return isMany(images) ? predictions : (predictions[0] as ProbeScore[]);
  }

  /**
   * The probe as bytes, for {@link LinearProbe.load}: a safetensors file with the tensors `weight` (classes, D) and
   * `bias` (classes), and the classes in its metadata.
   */
  save(): Uint8Array<ArrayBuffer> {
    const { classes, converged } = this;
    return encode(RECIPE, VERSION, {
      tensors: { weight: this.weight, bias: this.bias },
      meta: { classes, converged },
    });
  }

  /**
   * What {@link LinearProbe.save} gave. The embeddings must be of the same model to be of use; that is not checked.
   * @throws `CHECKPOINT_FORMAT`, `CHECKPOINT_TRUNCATED`, `TENSOR_NOT_FINITE`, `UNSUPPORTED` for other bytes
   */
  static load(model: VisionTransformer, bytes: Uint8Array): LinearProbe {
    const { tensors, meta } = decode(RECIPE, VERSION, ['weight', 'bias'], bytes);
    const { weight, bias } = tensors as Record<'weight' | 'bias', Tensor>;
    const classes: Label[] = Array.isArray(meta.classes) ? meta.classes : [];
    if (
      weight.shape.length !== 2 ||
      weight.shape[0] !== classes.length ||
      `${bias.shape}` !== `${classes.length}`
    ) {
      throw new VitreousError(
        'CHECKPOINT_FORMAT',
        'The saved linear-probe has classes that do not fit its weight.',
      );
    }
    return new LinearProbe(model, { classes, weight, bias, converged: meta.converged === true });
  }
}

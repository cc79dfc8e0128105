import { compute, type EngineHandle, make } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Tensor } from '../types.js';
import type { Masks } from './attention_mask.js';
import { checkNumber, engineOf, gridOf, isTensor, patchesOf } from './features.js';

export interface LabelPropagationOptions {
  /** How many frames back are looked at besides the first, default 7. */
  lastFrames?: number;
  /** How many patches away in each direction, default 12; 0: everywhere. */
  neighborhood?: number;
  /** How many of the most similar patches give their label, default 5. */
  topk?: number;
  /** T of exp(similarity / T), default 0.1. */
  temperature?: number;
}

/** Labels of an image: one byte a pixel, 0 … 255, rows from the top. */
export interface LabelMask {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A frame, or its patch tokens: (height / patch, width / patch, D). */
export type Frame = ImageInput | Tensor;

export interface PropagatedLabels {
  /** (classes, height / patch, width / patch): how much of each label; sums to 1 over the classes. */
  soft: Tensor;
  /** (height / patch, width / patch): the label with the most. */
  labels: Masks;
}

/**
 * Carries the labels of a video's first frame on to the others: facebookresearch/dino `eval_video_segmentation.py`. A
 * patch takes the labels of the most similar patches near its place in the first frame and in the last ones, weighted by
 * exp(cosine / T).
 *
 * @example
 * ```ts
 * const video = new LabelPropagation(model);
 * await video.start(frames[0], mask);
 * const { labels } = await video.next(frames[1]); // and so on, one after the other
 * ```
 */
export class LabelPropagation {
  readonly #model: VisionTransformer;
  readonly #options: Required<LabelPropagationOptions>;
  #video:
    | { engine: EngineHandle<'LabelPropagation'>; grid: [number, number]; dim: number; classes: number }
    | undefined;

  /** @throws `INVALID_ARGUMENT` for options out of range */
  constructor(
    model: VisionTransformer,
    { lastFrames = 7, neighborhood = 12, topk = 5, temperature = 0.1 }: LabelPropagationOptions = {},
  ) {
    checkNumber('lastFrames', lastFrames, { most: 1000, integer: true });
    checkNumber('neighborhood', neighborhood, { most: 65535, integer: true });
    checkNumber('topk', topk, { least: 1, most: 65535, integer: true });
    checkNumber('temperature', temperature, { least: 0.002 });
    this.#model = model;
    this.#options = { lastFrames, neighborhood, topk, temperature };
  }

  /**
   * The first frame and its labels; forgets any frames before.
   * @param mask - for a frame that is an image: of the image, whatever its size, and cut out as the image is. For tokens:
   * of what they show. A patch takes the label under its middle. The classes are 0 to the mask's largest label
   */
  async start(frame: Frame, mask: LabelMask, options: Pick<CallOptions, 'signal'> = {}): Promise<void> {
    const bytes = maskBytes(mask);
    const { data, shape } = await this.#tokens(frame, options);
    const [height = 0, width = 0, dim = 0] = shape;
    const engine = engineOf(this.#model);
    const box = isTensor(frame)
      ? { x: 0, y: 0, width: mask.width, height: mask.height }
      : await compute(engine, 'inputBox', this.#model.dataConfig, mask.width, mask.height);
    const labels = await compute(engine, 'resizeNearest', bytes, mask.height, mask.width, box, height, width);
    const classes = bytes.reduce((most, label) => Math.max(most, label), 0) + 1;
    this.dispose();
    const video = await make(engine, 'LabelPropagation', height, width, dim, this.#options);
    await video.start(data, labels, classes);
    this.#video = { engine: video, grid: [height, width], dim, classes };
  }

  /**
   * The labels of the next frame.
   * @throws `INVALID_ARGUMENT` before {@link LabelPropagation.start}, or for tokens of another shape
   */
  async next(frame: Frame, options: Pick<CallOptions, 'signal'> = {}): Promise<PropagatedLabels> {
    const { engine, grid, dim, classes } = this.#started();
    const { data, shape } = await this.#tokens(frame, options);
    if (`${shape}` !== `${[...grid, dim]}`) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `The tokens of a frame are (${shape.join(', ')}), those of the first (${[...grid, dim].join(', ')}).`,
      );
    }
    const { soft, labels } = await engine.next(data);
    return { soft: { data: soft, shape: [classes, ...grid] }, labels: { data: labels, shape: grid } };
  }

  /**
   * Labels at the size of a picture of the model's input, as the original makes its results: bilinear by whole patches,
   * each class scaled to 0 … 1, the largest, then nearest to the size.
   * @returns (height, width)
   */
  async segment(
    { soft }: PropagatedLabels,
    { height, width }: { height: number; width: number },
  ): Promise<Masks> {
    checkNumber('height', height, { least: 1, most: 65535, integer: true });
    checkNumber('width', width, { least: 1, most: 65535, integer: true });
    const [, gridHeight = 0, gridWidth = 0] = soft.shape;
    const { patchSize } = this.#model.config;
    const data = await compute(
      engineOf(this.#model),
      'segment',
      soft.data,
      gridHeight,
      gridWidth,
      patchSize,
      height,
      width,
    );
    return { data, shape: [height, width] };
  }

  /** Frees the frames that the engine keeps. */
  dispose(): void {
    this.#video?.engine.delete().catch(() => {}); // gone with the engine if that is
    this.#video = undefined;
  }

  #started() {
    if (this.#video === undefined) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        'There is no first frame: call start(frame, mask) before next(frame).',
      );
    }
    return this.#video;
  }

  /** (height, width, D) */
  async #tokens(frame: Frame, options: Pick<CallOptions, 'signal'>): Promise<Tensor> {
    if (!isTensor(frame)) {
      const tokens = await this.#model.forwardFeatures([frame], options);
      return {
        data: patchesOf(this.#model, tokens),
        shape: [...gridOf(this.#model), tokens.shape[2] as number],
      };
    }
    const { data, shape } = frame;
    if (shape.length === 3 && data.length > 0 && data.length === shape.reduce((a, b) => a * b, 1))
      return frame;
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `The tokens of a frame are a tensor (height, width, D), not (${shape.join(', ')}) with ${data.length} values.`,
    );
  }
}

function maskBytes({ data, width, height }: LabelMask): Uint8Array {
  checkNumber('mask.width', width, { least: 1, most: 65535, integer: true });
  checkNumber('mask.height', height, { least: 1, most: 65535, integer: true });
  const bytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  if (!bytes || data.length !== width * height) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `A mask of ${width} × ${height} is as many bytes, one label each; there are ${data?.length}.`,
    );
  }
  return new Uint8Array(data);
}

import { compute } from '../engine/calls.js';
import type { Box } from '../images/pixels.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Tensor } from '../types.js';
import { checkNumber, engineOf, gridOf } from './features.js';

/** A place in the model's input: 0, 0 is its upper left corner and 1, 1 its lower right one. */
export interface Point {
  x: number;
  y: number;
}

/** Two patches that look alike. */
export interface Correspondence {
  /** The middle of the patch in the first image. */
  a: Point;
  /** And in the second. */
  b: Point;
  /** Cosine of their features: −1 … 1. */
  score: number;
}

export interface CorrespondOptions extends CallOptions {
  /** Only pairs that are each other's nearest, default true; otherwise one for each patch of the first image. */
  mutual?: boolean;
  /** Only pairs of this score or more. */
  minScore?: number;
  /** The block whose tokens are compared, after the final norm; negative from the end, default the last. */
  layer?: number;
}

/**
 * Dense correspondence: each patch of one image with the patch of the other whose token is nearest by cosine, best first;
 * the "best buddies" of Amir et al., Deep ViT Features as Dense Visual Descriptors (2021), section 4.
 *
 * Places are those of the model's input, the square that `dataConfig` cuts out; {@link toImagePixels} turns them into
 * pixels of the photos.
 */
export async function correspond(
  model: VisionTransformer,
  imageA: ImageInput,
  imageB: ImageInput,
  { mutual = true, minScore = -1, layer = -1, ...options }: CorrespondOptions = {},
): Promise<Correspondence[]> {
  checkNumber('minScore', minScore, { least: -1, most: 1 });
  const { intermediates } = await model.forwardIntermediates([imageA, imageB], {
    ...options,
    indices: [layer],
    norm: true,
    outputFmt: 'NLC',
  });
  const { data, shape } = intermediates[0] as Tensor;
  const dim = shape[2] as number;
  const half = data.length / 2;
  const pairs = await compute(
    engineOf(model),
    'correspond',
    data.slice(0, half),
    data.slice(half),
    dim,
    mutual,
    minScore,
  );
  const [height, width] = gridOf(model);
  const middle = (patch: number): Point => ({
    x: ((patch % width) + 0.5) / width,
    y: (Math.floor(patch / width) + 0.5) / height,
  });
  return Array.from(pairs.scores, (score, i) => ({
    a: middle(pairs.a[i] as number),
    b: middle(pairs.b[i] as number),
    score,
  }));
}

/**
 * Places of the model's input in the pixels of the image that went in.
 * @param size - of the image, upright
 * @returns beyond the image's edge where the input was padded
 */
export async function toImagePixels<P extends Point>(
  model: VisionTransformer,
  points: P[],
  size: { width: number; height: number },
): Promise<Point[]> {
  const box: Box = await compute(engineOf(model), 'inputBox', model.dataConfig, size.width, size.height);
  return points.map(({ x, y }) => ({ x: box.x + x * box.width, y: box.y + y * box.height }));
}

import { compute } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { Box } from '../images/pixels.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Tensor } from '../types.js';
import { checkNumber, engineOf, gridOf, prefixOf } from './features.js';

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

/** Options of {@link correspond}. */
export interface CorrespondOptions extends CallOptions {
  /** Only pairs that are each other's nearest, default true; otherwise one for each patch of the first image. */
  mutual?: boolean;
  /** Only pairs of this score or more. */
  minScore?: number;
  /** The block whose features are compared; negative from the end, default the last. */
  layer?: number;
  /** `'tokens'`, the default: after the final norm. `'keys'`: of the block's attention, all heads; see `model.qkv`. */
  features?: 'tokens' | 'keys';
}

/**
 * Dense correspondence: each patch of one image with the patch of the other whose feature is nearest by cosine, best first;
 * the "best buddies" of Amir et al., Deep ViT Features as Dense Visual Descriptors (2021), section 4.
 *
 * Places are those of the model's input, the square that `dataConfig` cuts out; {@link toImagePixels} turns them into
 * pixels of the photos.
 */
export async function correspond(
  model: VisionTransformer,
  imageA: ImageInput,
  imageB: ImageInput,
  { mutual = true, minScore = -1, layer = -1, features = 'tokens', ...options }: CorrespondOptions = {},
): Promise<Correspondence[]> {
  checkNumber('minScore', minScore, { least: -1, most: 1 });
  if (features !== 'tokens' && features !== 'keys') {
    throw new VitreousError('INVALID_ARGUMENT', `features is 'tokens' or 'keys', not '${features}'.`);
  }
  const images = [imageA, imageB];
  const [a, b] =
    features === 'keys'
      ? keysOf(model, await model.qkv(images, { ...options, layer, which: 'key' }))
      : await tokensOf(model, images, { ...options, layer });
  const { dim } = model.config;
  const pairs = await compute(engineOf(model), 'correspond', a, b, dim, mutual, minScore);
  const [height, width] = gridOf(model, options.imgSize);
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

type Two = [Float32Array, Float32Array];

/** The normed patch tokens of two images, (patches, dim) each. */
async function tokensOf(
  model: VisionTransformer,
  images: ImageInput[],
  { layer, ...options }: CallOptions & { layer: number },
): Promise<Two> {
  const { intermediates } = await model.forwardIntermediates(images, {
    ...options,
    indices: [layer],
    norm: true,
    outputFmt: 'NLC',
    intermediatesOnly: true,
  });
  const { data } = intermediates[0] as Tensor;
  return [data.slice(0, data.length / 2), data.slice(data.length / 2)];
}

/** (2, heads, tokens, d) to the patches' of each image, (patches, heads · d). */
function keysOf(model: VisionTransformer, { data, shape }: Tensor): Two {
  const [, heads = 0, tokens = 0, d = 0] = shape;
  const prefix = prefixOf(model);
  const one = (image: number) => {
    const keys = new Float32Array((tokens - prefix) * heads * d);
    for (let head = 0; head < heads; head++) {
      for (let token = prefix; token < tokens; token++) {
        const from = ((image * heads + head) * tokens + token) * d;
        keys.set(data.subarray(from, from + d), ((token - prefix) * heads + head) * d);
      }
    }
    return keys;
  };
  return [one(0), one(1)];
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

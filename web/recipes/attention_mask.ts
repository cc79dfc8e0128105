import { compute } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Tensor } from '../types.js';
import { checkNumber, engineOf } from './features.js';

/** Maps of bytes with their shape, row-major. */
export interface Masks {
  /** 0 or 1 */
  data: Uint8Array;
  shape: number[];
}

/**
 * The fewest patches that hold a part of each map's attention: facebookresearch/dino `visualize_attention.py
 * --threshold`.
 * @param attention - (…, height, width), not negative, such as {@link VisionTransformer.attention} gives; each map counts
 * for itself
 * @param threshold - the part of the mass that is kept, above 0 to 1
 * @returns 1 for the patches that are kept, in the attention's shape
 */
export async function thresholdAttention(
  model: VisionTransformer,
  attention: Tensor,
  threshold = 0.6,
): Promise<Masks> {
  checkNumber('threshold', threshold, { least: Number.MIN_VALUE, most: 1 });
  const { data, shape } = attention;
  const [height = 0, width = 0] = shape.slice(-2);
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (shape.length < 2 || size === 0 || size !== data.length || !data.every((value) => value >= 0)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `attention is a tensor (…, height, width) of numbers from 0 on, not (${shape.join(', ')}) with ${data.length} values.`,
    );
  }
  const masks = await compute(engineOf(model), 'thresholdAttention', data, height * width, threshold);
  return { data: masks, shape: [...shape] };
}

/**
 * Where the heads of an image look: the fewest patches that hold a part of what CLS gives to all patches.
 * @param options.threshold - that part, default 0.6, DINO's own
 * @param options.layer - block number, negative from the end; default the last
 * @param options.head - one head alone; default all
 * @returns (heads, height / patch, width / patch); 1 head with `head`
 */
export async function attentionMask(
  model: VisionTransformer,
  image: ImageInput,
  options: CallOptions & { threshold?: number; layer?: number; head?: number } = {},
): Promise<Masks> {
  const { threshold = 0.6, head, ...attentionOptions } = options;
  const { heads } = model.config;
  if (head !== undefined) checkNumber('head', head, { most: heads - 1, integer: true });
  const { data, shape } = await model.attention(image, attentionOptions);
  const [, , height = 0, width = 0] = shape;
  const size = height * width;
  const maps =
    head === undefined
      ? { data, shape: [heads, height, width] }
      : { data: data.slice(head * size, (head + 1) * size), shape: [1, height, width] };
  return thresholdAttention(model, maps, threshold);
}

/**
 * Masks or labels of patches at the size of a picture, nearest neighbour: `torch.nn.functional.interpolate(mode='nearest')`
 * for whole multiples.
 * @param masks - (…, height, width)
 */
export async function upsampleMasks(
  model: VisionTransformer,
  masks: Masks,
  { height, width }: { height: number; width: number },
): Promise<Masks> {
  checkNumber('height', height, { least: 1, most: 65535, integer: true });
  checkNumber('width', width, { least: 1, most: 65535, integer: true });
  const { data, shape } = masks;
  const [fromHeight = 0, fromWidth = 0] = shape.slice(-2);
  if (shape.length < 2 || data.length === 0 || data.length !== shape.reduce((a, b) => a * b, 1)) {
    throw new VitreousError('INVALID_ARGUMENT', 'masks are bytes of shape (…, height, width).');
  }
  const whole = { x: 0, y: 0, width: fromWidth, height: fromHeight };
  const large = await compute(
    engineOf(model),
    'resizeNearest',
    data,
    fromHeight,
    fromWidth,
    whole,
    height,
    width,
  );
  return { data: large, shape: [...shape.slice(0, -2), height, width] };
}

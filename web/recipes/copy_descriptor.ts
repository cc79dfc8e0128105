import { compute } from '../engine/calls.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Images, Tensor } from '../types.js';
import { checkNumber, engineOf, forTokens, isTensor, prefixOf } from './features.js';
import type { PcaWhitening } from './whitening.js';

/** Options of {@link copyDescriptor}. */
export interface CopyDescriptorOptions extends CallOptions {
  /** Exponent of the generalised mean of the patches, default 4. */
  p?: number;
  /** Fitted to descriptors of other photos, with `normalize: false`. */
  whitening?: PcaWhitening;
  /** Scale to length 1, default true; without it they are what a whitening is fitted to. */
  normalize?: boolean;
}

/**
 * Descriptors for finding copies of a photo, also cropped or recoloured ones: the CLS token and the generalised mean of
 * the patches (clamped to 1e-6), whitened if asked for, of length 1; facebookresearch/dino `eval_copy_detection.py`.
 * Compare them by their dot product.
 * @returns (2 D), or (whitening.dim), for one image; an array of such for an array or a preprocessed tensor
 */
export function copyDescriptor(
  model: VisionTransformer,
  image: ImageInput,
  options?: CopyDescriptorOptions,
): Promise<Float32Array>;
export function copyDescriptor(
  model: VisionTransformer,
  images: ImageInput[] | Tensor,
  options?: CopyDescriptorOptions,
): Promise<Float32Array[]>;
export async function copyDescriptor(
  model: VisionTransformer,
  images: Images,
  { p = 4, whitening, normalize = true, ...options }: CopyDescriptorOptions = {},
): Promise<Float32Array | Float32Array[]> {
  checkNumber('p', p, { least: 0.01, most: 100 });
  const prefix = prefixOf(model);
  const descriptors: Float32Array[] = [];
  await forTokens(model, images, options, async ({ data, shape: [, tokens = 0, dim = 0] }) => {
    const engine = engineOf(model);
    let rows = await compute(engine, 'copyDescriptors', data, prefix, tokens - prefix, dim, p);
    let length = 2 * dim;
    if (whitening) {
      rows = (await whitening.apply({ data: rows, shape: [rows.length / length, length] })).data;
      length = whitening.dim;
    }
    if (normalize) rows = await compute(engine, 'normalizeRows', rows, length);
    for (let i = 0; i < rows.length; i += length) descriptors.push(rows.slice(i, i + length));
  });
  return Array.isArray(images) || isTensor(images) ? descriptors : (descriptors[0] as Float32Array);
}

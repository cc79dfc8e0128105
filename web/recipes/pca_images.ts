import { compute } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { CallOptions, ImageInput, Tensor } from '../types.js';
import { checkNumber, engineOf, forTokens, gridOf, isTensor, patchesOf } from './features.js';

/** Options of {@link pcaImages}. */
export interface PcaImagesOptions extends CallOptions {
  /** How many components, default 3: red, green and blue. */
  components?: number;
  /**
   * Only the patches whose first component, scaled to 0 … 1 over all images, is above the threshold (0.5) count and are
   * shown, the rest is black; the components are fitted anew to them. Which end of the first component the foreground is
   * at depends on the images: `side: 'below'` takes the other.
   */
  foreground?: boolean | { threshold?: number; side?: 'above' | 'below' };
}

/** Pictures of the components, and the components. */
export interface PcaImages {
  /** (B, height / patch, width / patch, components), each scaled to 0 … 255 over all images. */
  rgb: { data: Uint8ClampedArray<ArrayBuffer>; shape: number[] };
  /** The same, not scaled; 0 outside the foreground. */
  components: Tensor;
  /** (B, height / patch, width / patch): 1 where a patch counts. */
  foreground: { data: Uint8Array; shape: number[] };
  /** Variance along each component, (components), and its part of all variance. */
  explainedVariance: Float32Array;
  explainedVarianceRatio: Float32Array;
}

/**
 * What patches have in common as colours: the principal components of the patch tokens of all images together, as in
 * figure 1 of DINOv2 (Oquab et al., 2023); numerically `sklearn.decomposition.PCA(components).fit_transform(tokens)`.
 * Signs are scikit-learn's too: the largest weight of a component is positive.
 * @param images - images, or tokens as a tensor (B, height, width, D)
 */
export async function pcaImages(
  model: VisionTransformer,
  images: ImageInput | ImageInput[] | Tensor,
  { components = 3, foreground = false, ...options }: PcaImagesOptions = {},
): Promise<PcaImages> {
  const tokens = isTensor(images) ? given(images) : await patchTokens(model, images, options);
  const [batch = 0, height = 0, width = 0, dim = 0] = tokens.shape;
  checkNumber('components', components, { least: 1, most: dim, integer: true });
  const { threshold = 0.5, side = 'above' } = typeof foreground === 'object' ? foreground : {};
  checkNumber('foreground.threshold', threshold, { most: 1 });
  if (side !== 'above' && side !== 'below') {
    throw new VitreousError('INVALID_ARGUMENT', `foreground.side is 'above' or 'below', not '${side}'.`);
  }
  const chosen = foreground ? { threshold, above: side === 'above' } : undefined;
  const pca = await compute(engineOf(model), 'pcaImages', tokens.data, dim, components, chosen);
  const shape = [batch, height, width, components];
  return {
    rgb: { data: new Uint8ClampedArray(pca.rgb.buffer as ArrayBuffer), shape },
    components: { data: pca.components, shape: [...shape] },
    foreground: { data: pca.foreground, shape: [batch, height, width] },
    explainedVariance: pca.variance,
    explainedVarianceRatio: pca.varianceRatio,
  };
}

function given(tokens: Tensor): Tensor {
  const { data, shape } = tokens;
  if (shape.length === 4 && data.length > 0 && data.length === shape.reduce((a, b) => a * b, 1))
    return tokens;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `Tokens are a tensor (B, height, width, D), not (${shape.join(', ')}) with ${data.length} values.`,
  );
}

/** (B, height, width, D) */
async function patchTokens(
  model: VisionTransformer,
  images: ImageInput | ImageInput[],
  options: CallOptions,
): Promise<Tensor> {
  const [height, width] = gridOf(model, options.imgSize);
  const { dim } = model.config;
  const size = height * width * dim;
  const data = new Float32Array((Array.isArray(images) ? images.length : 1) * size);
  const count = await forTokens(model, images, options, (tokens, first) =>
    data.set(patchesOf(model, tokens), first * size),
  );
  return { data, shape: [count, height, width, dim] };
}

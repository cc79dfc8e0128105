/**
 * DINO's recipes on a model's features. Each takes a model first: its engine computes, and images are embedded by it.
 * @packageDocumentation
 */
export { VitreousError } from './errors.js';
export {
  attentionMask,
  type Masks,
  thresholdAttention,
  upsampleMasks,
} from './recipes/attention_mask.js';
export { type CopyDescriptorOptions, copyDescriptor } from './recipes/copy_descriptor.js';
export {
  type Correspondence,
  type CorrespondOptions,
  correspond,
  type Point,
  toImagePixels,
} from './recipes/correspond.js';
export type { Label, Many, One } from './recipes/features.js';
export { KnnClassifier, type KnnOptions, type KnnScore } from './recipes/knn.js';
export {
  type Frame,
  type LabelMask,
  LabelPropagation,
  type LabelPropagationOptions,
  type PropagatedLabels,
} from './recipes/label_propagation.js';
export { type FitOptions, type FitProgress, LinearProbe, type ProbeScore } from './recipes/linear_probe.js';
export { type PcaImages, type PcaImagesOptions, pcaImages } from './recipes/pca_images.js';
export { type CopyWhiteningOptions, PcaWhitening, type WhiteningOptions } from './recipes/whitening.js';

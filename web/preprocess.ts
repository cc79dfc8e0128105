import { VitreousError } from './errors.js';
import type { DataConfig, Preprocess } from './types.js';

type Recipe = Partial<Omit<DataConfig, 'inputSize'>>;

// What a recipe does not say stays the model's own.
const recipes: Record<PreprocessName, Recipe> = {
  /** The model's own, as timm's `resolve_model_data_config` has it. */
  timm: {},
  /**
   * facebookresearch/dino eval_knn.py and eval_linear.py: Resize(256, bicubic), CenterCrop(224). DINOv2's evaluations and
   * its image processor on the hub do the same, with `imgSize: 224`.
   */
  'dino-eval': { cropPct: 224 / 256, cropMode: 'center', interpolation: 'bicubic' },
  /** transformers' ViTImageProcessor, which goes with facebook/dino-*: both sides to the input size, bilinear. */
  huggingface: { cropPct: 1, cropMode: 'squash', interpolation: 'bilinear' },
  /** The whole image, its aspect lost: facebookresearch/dino visualize_attention.py, with `imgSize: 480`. */
  squash: { cropPct: 1, cropMode: 'squash' },
  /** The whole image in its aspect, the rest filled with the mean color: timm's crop_mode `border`. */
  pad: { cropPct: 1, cropMode: 'border' },
  /** The shorter side fills the input, so that nothing of it is cut: timm's crop_pct 1. */
  'no-crop': { cropPct: 1, cropMode: 'center' },
};

/** How others prepare images, by name: see docs/preprocessing.md. */
export type PreprocessName = 'timm' | 'dino-eval' | 'huggingface' | 'squash' | 'pad' | 'no-crop';

/**
 * A data config with another preparation, by name or by fields; timm's `resolve_data_config(args, model=model)`.
 * @throws `INVALID_ARGUMENT` for a name that is not known, or a field that is none
 */
export function resolveDataConfig(config: Readonly<DataConfig>, preprocess: Preprocess = {}): DataConfig {
  if (typeof preprocess === 'string') {
    if (Object.hasOwn(recipes, preprocess)) return { ...config, ...recipes[preprocess] };
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `preprocess '${preprocess}' is not known: use ${Object.keys(recipes).join(', ')}, or fields of a data config.`,
    );
  }
  const foreign = Object.keys(preprocess).find((key) => !(key in config) || key === 'inputSize');
  if (foreign !== undefined) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      foreign === 'inputSize'
        ? 'preprocess does not set inputSize: that is what imgSize is for.'
        : `preprocess has no field '${foreign}'.`,
    );
  }
  return { ...config, ...preprocess };
}

// timm's names of models.
import type { ModelEntry } from '../engine/module.js';
import { findModel } from '../registry.js';
import type { ModelConfig } from '../types.js';

/** The repository on the hub, as timm publishes it; a name with a slash is one already. */
export const hubRepo = (name: string) =>
  name.includes('/') ? name : (findModel(name)?.hub ?? `timm/${name}`);

/** Without the owner: `vit_base_patch16_224.dino` of `timm/vit_base_patch16_224.dino`. */
export const baseName = (name: string) => name.slice(name.lastIndexOf('/') + 1);

// embed_dim, depth, num_heads: https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
const SIZES = {
  tiny: [192, 12, 3],
  small: [384, 12, 6],
  base: [768, 12, 12],
  large: [1024, 24, 16],
} as const;
const FAMILY = new RegExp(
  '^(?:vit|deit)_(?<size>tiny|small|base|large)_patch(?<patch>\\d+)(?:_reg(?<registers>\\d+))?' +
    '_(?:(?<dinov2>dinov2)|(?<clip>clip_)?(?<quick>quickgelu_)?(?<side>\\d+))(?:\\.|$)',
);

/** What timm's naming says, if it makes it one of the family. */
function parseName(name: string) {
  const parts = FAMILY.exec(name)?.groups;
  // Registers only DINOv2 has, and quick GELU only CLIP.
  return parts && !(parts.registers && !parts.dinov2) && !(parts.quick && !parts.clip) ? parts : undefined;
}

/** Whether timm's naming makes it a Vision Transformer of DINO's, DINOv2's, DeiT's or CLIP's kind. */
export const inFamily = (name: string) => parseName(name) !== undefined;

/** The architecture that a name of the family means; how its pixels are prepared its config.json must say. */
export function familyEntry(name: string, like: ModelEntry): ModelEntry | undefined {
  const parts = parseName(name);
  if (parts === undefined) return undefined;
  const [dim, depth, heads] = SIZES[parts.size as keyof typeof SIZES];
  const image = parts.dinov2 ? 518 : Number(parts.side);
  const clip = parts.clip !== undefined;
  const config: ModelConfig = {
    ...like.config,
    name,
    dim,
    depth,
    heads,
    mlpDim: 4 * dim,
    patchSize: Number(parts.patch),
    imageHeight: image,
    imageWidth: image,
    layerScale: parts.dinov2 !== undefined,
    regTokens: Number(parts.registers ?? 0),
    noEmbedClass: parts.registers !== undefined,
    preNorm: clip,
    normEps: clip ? 1e-5 : like.config.normEps,
    activation: parts.quick ? 'quick_gelu' : 'gelu',
  };
  return { ...like, config, data: { ...like.data, inputSize: [3, image, image] } };
}

/** The names that may have been meant. */
export function closeMatches(name: string, names: string[]): string[] {
  const scored = names.map((other) => ({ other, distance: editDistance(baseName(name), other) }));
  const close = scored.filter(({ other, distance }) => distance <= Math.max(3, other.length / 4));
  return close.sort((a, b) => a.distance - b.distance).map(({ other }) => other);
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

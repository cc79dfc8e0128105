// timm's names of models.
import type { ModelEntry } from '../engine/module.js';

/** The repository on the hub, as timm publishes it; a name with a slash is one already. */
export const hubRepo = (name: string) => (name.includes('/') ? name : `timm/${name}`);

/** Without the owner: `vit_base_patch16_224.dino` of `timm/vit_base_patch16_224.dino`. */
export const baseName = (name: string) => name.slice(name.lastIndexOf('/') + 1);

// embed_dim, depth, num_heads: https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
const SIZES = {
  tiny: [192, 12, 3],
  small: [384, 12, 6],
  base: [768, 12, 12],
  large: [1024, 24, 16],
} as const;
const FAMILY = /^vit_(tiny|small|base|large)_patch(\d+)_(\d+)(\.|$)/;

/** Whether timm's naming makes it a plain Vision Transformer. */
export const inFamily = (name: string) => FAMILY.test(name);

/** The architecture that a name of the family means; how its pixels are prepared its config.json must say. */
export function familyEntry(name: string, like: ModelEntry): ModelEntry | undefined {
  const [, size, patch, side] = FAMILY.exec(name) ?? [];
  if (size === undefined) return undefined;
  const [dim, depth, heads] = SIZES[size as keyof typeof SIZES];
  const image = Number(side);
  const config = { ...like.config, name, dim, depth, heads, mlpDim: 4 * dim, numClasses: 0 };
  Object.assign(config, { patchSize: Number(patch), imageHeight: image, imageWidth: image });
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

// Small models with generated weights, as a repository of the hub has them: config.json and model.safetensors.
import { generatedSafetensors, vitTensors } from '../js/support/generated.mjs';

/** @returns {Promise<{ config: string, checkpoint: Buffer }>} fp32, 4·(12·dim² + …) bytes a block */
export async function repository({ dim = 64, depth = 1, heads = 1, patch = 16, image = 32 } = {}) {
  const stream = generatedSafetensors(vitTensors({ dim, depth, patch, image }));
  return {
    config: configOf({ dim, depth, heads, patch, image }),
    checkpoint: Buffer.from(await new Response(stream).arrayBuffer()),
  };
}

const configOf = ({ dim, depth, heads, patch, image }) =>
  JSON.stringify({
    architecture: 'vit_tiny_patch16_224',
    num_classes: 0,
    model_args: { embed_dim: dim, depth, num_heads: heads, patch_size: patch, img_size: image },
    pretrained_cfg: { input_size: [3, image, image], interpolation: 'bicubic', crop_pct: 1 },
  });

/** A copy of a checkpoint whose header `change(entries)` has changed; `data` follows as it is, unless given. */
export function withHeader(checkpoint, change, data) {
  const end = 8 + Number(checkpoint.readBigUInt64LE(0));
  const entries = JSON.parse(checkpoint.subarray(8, end).toString());
  change(entries);
  const json = JSON.stringify(entries);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, data?.(checkpoint.subarray(end)) ?? checkpoint.subarray(end)]);
}

/** A copy with one byte flipped; negative: from the end. */
export function flipped(bytes, at) {
  const copy = Buffer.from(bytes);
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
}

/** A copy whose last value is NaN. */
export function notFinite(checkpoint) {
  const copy = Buffer.from(checkpoint);
  copy.writeFloatLE(Number.NaN, copy.length - 4);
  return copy;
}

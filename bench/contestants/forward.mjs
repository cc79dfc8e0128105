// What every contestant that computes embeddings answers to.
import { writeFileSync } from 'node:fs';
import { generate } from '../../tests/js/support/generated.mjs';
import { readFloats } from '../files.mjs';

/** The exported file of a model: fp32, onnxruntime's dynamic int8, or that with weights per channel. */
export const onnxFile = (folder, dtype) =>
  `${folder}/onnx/${{ fp32: 'model', int8: 'model_quantized', int8channel: 'model_quantized_channel' }[dtype]}.onnx`;

/** The generated images of tests/oracle/README.md, (batch, 3, size, size). */
export function generatedImages(batch, size) {
  const one = 3 * size * size;
  const images = new Float32Array(batch * one);
  for (let i = 0; i < batch; i++) images.set(generate(i ? `input.${i}` : 'input', [3, size, size]), i * one);
  return images;
}

/**
 * @param {object} info
 * @param {(images: { data: Float32Array, shape: number[] }) => Promise<Float32Array>} embed (B, 3, H, W) → (B, dim)
 */
export function forwardContestant(info, embed, { size = 224, ...others } = {}) {
  let images;
  let embeddings;
  const contestant = {
    info,
    prepare(batch) {
      images = { data: generatedImages(batch, size), shape: [batch, 3, size, size] };
    },
    async run() {
      embeddings = await embed(images);
    },
    outputs: () => [...embeddings],
    /** Embeds a file of images one by one into another file. */
    async embedFile(from, to) {
      const all = readFloats(from);
      const one = 3 * size * size;
      const rows = [];
      for (let i = 0; i < all.length; i += one) {
        rows.push(...(await embed({ data: all.subarray(i, i + one), shape: [1, 3, size, size] })));
      }
      writeFileSync(to, Float32Array.from(rows));
    },
    ...others,
  };
  contestant.prepare(1);
  return contestant;
}

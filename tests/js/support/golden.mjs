// What timm gave, and how far from it a result is. Goldens: see tests/oracle/README.md.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { generate } from './generated.mjs';
import { readGolden } from './npy.mjs';

const file = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The path of an image in tests/fixtures/. */
export const fixture = (name) => file(`fixtures/${name}`);

/** The images of tests/fixtures/ with timm's 224 × 224 classes and the packaged model's embedding of each. */
export function fixtures() {
  const { data, shape } = readGolden('fixtures/nano_embedding.npy');
  const images = JSON.parse(readFileSync(file('goldens/fixtures/images.json'), 'utf8'));
  return images.map((image, i) => ({ ...image, embedding: data.subarray(i * shape[1], (i + 1) * shape[1]) }));
}

/** The generated input images that the model goldens are for, (batch, 3, 224, 224). */
export function generatedInput(batch = 1) {
  const shape = [3, 224, 224];
  const images = Array.from({ length: batch }, (_, i) => generate(i === 0 ? 'input' : `input.${i}`, shape));
  const data = new Float32Array(batch * images[0].length);
  for (const [i, image] of images.entries()) data.set(image, i * image.length);
  return { data, shape: [batch, ...shape] };
}

/** The largest absolute difference; infinite for another length or where a NaN is. */
export function maxDiff(actual, expected) {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= most)) most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return most;
}

/**
 * How far the tokens of a block, (tokens, dim), are from MODEL/blocks_*: `values` modulo 1, where the golden keeps only
 * the fraction, and the tokens' L2 `norms`, which show a wrong whole number.
 */
export function blockDiff(model, block, tokens) {
  const fractions = readGolden(`${model}/blocks_fraction16.npy`);
  const norms = readGolden(`${model}/blocks_token_norms.npy`);
  const [, rows, dim] = fractions.shape;
  const size = rows * dim;
  if (tokens.length !== size) return { values: Number.POSITIVE_INFINITY, norms: Number.POSITIVE_INFINITY };
  const most = { values: 0, norms: 0 };
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      const difference = tokens[i] - fractions.data[block * size + i] / 65536;
      most.values = Math.max(most.values, Math.abs(difference - Math.round(difference)));
      squares += tokens[i] ** 2;
    }
    most.norms = Math.max(most.norms, Math.abs(Math.sqrt(squares) - norms.data[block * rows + row]));
  }
  return most;
}

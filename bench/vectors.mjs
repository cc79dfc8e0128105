// Vectors for the suite 'search', and their exact neighbours. They look like embeddings: clusters of different sizes and
// widths in 32 dimensions, turned into many, with noise. Uniform noise has no neighbours worth finding.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LATENT = 32;
const NOISE = 0.5;
const PER_CLUSTER = 150;

/** Numbers between 0 and 1 (mulberry32), and normally distributed ones. */
export function numbers(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

function clusteredVectors(count, dim) {
  const { uniform, normal } = numbers(1);
  const clusters = Math.ceil(count / PER_CLUSTER);
  const turn = Float32Array.from({ length: LATENT * dim }, () => normal() / Math.sqrt(LATENT));
  const centers = Float32Array.from({ length: clusters * LATENT }, normal);
  const widths = Float32Array.from({ length: clusters }, () => 0.3 + 0.5 * uniform());
  const x = new Float32Array(count * dim);
  const z = new Float32Array(LATENT);
  for (let row = 0; row < count; row++) {
    const cluster = Math.floor(clusters * uniform() ** 2); // few large ones, many small ones
    for (let l = 0; l < LATENT; l++) z[l] = centers[cluster * LATENT + l] + widths[cluster] * normal();
    for (let d = 0; d < dim; d++) {
      let value = 2 * NOISE * (uniform() - 0.5);
      for (let l = 0; l < LATENT; l++) value += z[l] * turn[l * dim + d];
      x[row * dim + d] = value;
    }
  }
  return x;
}

/** The k nearest rows by cosine, in float64. */
export function nearest(rows, norms, query, k) {
  const dim = query.length;
  const best = [];
  let least = -Infinity;
  for (let row = 0, at = 0; row < norms.length; row++) {
    let score = 0;
    for (let d = 0; d < dim; d++) score += rows[at++] * query[d];
    score /= norms[row];
    if (score <= least) continue;
    const place = best.findIndex((other) => other.score < score);
    best.splice(place < 0 ? best.length : place, 0, { row, score });
    if (best.length > k) best.pop();
    if (best.length === k) least = best[k - 1].score;
  }
  return best.map(({ row }) => row);
}

export const normsOf = (rows, dim) =>
  Float64Array.from({ length: rows.length / dim }, (_, row) =>
    Math.hypot(...rows.subarray(row * dim, row * dim + dim)),
  );

/** Writes rows.f32, queries.f32 and truth.json, the k nearest rows of each query, into a folder. */
export function writeVectors(folder, { rows: count, queries, dim, k }) {
  const all = clusteredVectors(count + queries, dim);
  const rows = all.subarray(0, count * dim);
  const norms = normsOf(rows, dim);
  const asked = Array.from({ length: queries }, (_, i) =>
    all.subarray((count + i) * dim, (count + i + 1) * dim),
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rows.f32'), rows);
  writeFileSync(join(folder, 'queries.f32'), all.subarray(count * dim));
  writeFileSync(
    join(folder, 'truth.json'),
    JSON.stringify(asked.map((query) => nearest(rows, norms, query, k))),
  );
}

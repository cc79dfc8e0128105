// The features that tests/oracle/make_recipe_goldens.py makes its goldens of.
import { readFileSync } from 'node:fs';
import { generate } from './generated.mjs';
import { readGolden } from './npy.mjs';

const { fround } = Math;

export const generated = (name, ...shape) => generate(`input.${name}`, shape);

/** A tensor of features and their labels: row i of class i mod `classes`. */
export function clusters(name, rows, dim, classes, spread) {
  const centers = generated('centers', classes, dim);
  const noise = generated(name, rows, dim);
  const labels = Array.from({ length: rows }, (_, i) => i % classes);
  const data = noise.map(
    (value, i) => fround(spread * centers[labels[Math.floor(i / dim)] * dim + (i % dim)]) + value,
  );
  return { features: { data, shape: [rows, dim] }, labels };
}

export const golden = (name) => readGolden(`recipes/${name}.npy`);

export const goldenJson = (name) =>
  JSON.parse(readFileSync(new URL(`../../goldens/recipes/${name}.json`, import.meta.url), 'utf8'));

// What timm gave for a backbone at a size, and how far the engine is from it. tests/oracle/make_parity_goldens.py says
// what is kept of an output.
import { readFileSync } from 'node:fs';
import { readGolden } from '../js/support/npy.mjs';

const folder = new URL('../goldens/', import.meta.url);
const json = (path) => JSON.parse(readFileSync(new URL(path, folder), 'utf8'));
const index = json('parity/index.json');

/** Arguments of `forward_intermediates` by the setting's name, with JavaScript's names. */
export const settings = Object.fromEntries(
  Object.entries(json('parity/meta.json').settings).map(([name, options]) => [name, camelCase(options)]),
);

const VALUES_OF_VECTOR = 256;
const VALUES = 64;
const ROWS = 32;
const PRIME = 2654435761;

const product = (extents) => extents.reduce((a, b) => a * b, 1);

function camelCase(options) {
  const entries = Object.entries(options);
  return Object.fromEntries(
    entries.map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  );
}

/** make_parity_goldens.py's. */
function sample(count, most) {
  return Array.from({ length: Math.min(count, most) }, (_, i) => (count <= most ? i : (i * PRIME) % count));
}

/** Which values and which rows of an output of this shape the goldens have, and a row's length. */
function kept(shape) {
  const size = product(shape);
  const rows = product(shape.slice(0, shape.length === 4 ? 2 : -1));
  const most = shape.length === 2 ? VALUES_OF_VECTOR : VALUES;
  return { valuesAt: sample(size, most), rowsAt: sample(rows, ROWS), length: size / rows };
}

/** The largest of the differences; infinite where one is not a number. */
const largest = (differences) =>
  differences.reduce(
    (most, x) => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : Math.max(most, Math.abs(x))),
    0,
  );

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** The backbone that has this model's goldens, and the sizes they are for, the native one first. */
export function goldensOf(name) {
  for (const [backbone, { members, sizes }] of Object.entries(index)) {
    if (name in members) return { backbone, sizes: Object.keys(sizes) };
  }
  throw new Error(
    `${name} has no goldens: run tests/oracle/make_registry_goldens.py and make_parity_goldens.py.`,
  );
}

/** The outputs of a backbone at a size, name → `{ shape, values, norms }`. */
export function outputGoldens(backbone, size) {
  const { data } = readGolden(`parity/${backbone}_${size}.npy`);
  let start = 0;
  const take = (count) => {
    start += count;
    return data.subarray(start - count, start);
  };
  const entries = index[backbone].sizes[size].map(([name, shape]) => {
    const { valuesAt, rowsAt } = kept(shape);
    return [name, { shape, values: take(valuesAt.length), norms: take(rowsAt.length) }];
  });
  return new Map(entries);
}

/**
 * How far an output is from its golden; infinitely with another shape.
 * - `difference`: the largest of the kept values' absolute differences, and of the rows' norms' divided by the square root
 *   of the row's length, which the root mean square of the row's differences bounds;
 * - `cosine`: between the kept values and the same of the output.
 */
export function compare({ data, shape }, golden) {
  if (`${shape}` !== `${golden.shape}`) return { difference: Number.POSITIVE_INFINITY, cosine: 0 };
  const { valuesAt, rowsAt, length } = kept(golden.shape);
  const values = valuesAt.map((at) => data[at]);
  const differences = values.map((value, i) => value - golden.values[i]);
  const ofNorms = rowsAt.map((row, i) => {
    const values = data.subarray(row * length, (row + 1) * length);
    return (Math.sqrt(dot(values, values)) - golden.norms[i]) / Math.sqrt(length);
  });
  return { difference: largest([...differences, ...ofNorms]), cosine: cosine(values, golden.values) };
}

/** `{ name, shape }` of every tensor of a registry model, as timm has them. */
export function tensorsOf({ name, config: { depth } }) {
  const lines = readFileSync(new URL('registry/tensors.txt', folder), 'utf8').trimEnd().split('\n');
  const tensors = lines
    .map((line) => line.split(' '))
    .filter(([model]) => model === name)
    .map(([, tensor, shape]) => ({ name: tensor, shape: shape.split('x').map(Number) }));
  // The file has the first block only: the others are like it.
  const block = tensors.filter(({ name }) => name.startsWith('blocks.0.'));
  const others = Array.from({ length: depth - 1 }, (_, i) =>
    block.map(({ name, shape }) => ({ name: name.replace('.0.', `.${i + 1}.`), shape })),
  );
  return [...tensors, ...others.flat()];
}

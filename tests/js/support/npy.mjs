// Reads NumPy's .npy format, version 1.0, little-endian and C order: what tests/oracle/ writes.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ARRAYS = { '<f4': Float32Array, '<f8': Float64Array, '<u2': Uint16Array };

/** The array in the bytes of a .npy file, `{ data, shape }`; `name` is for the errors. */
export function parseNpy(bytes, name) {
  const fail = (problem) => {
    throw new Error(`${name}: ${problem}`);
  };
  if (Buffer.from(bytes.subarray(0, 8)).toString('latin1') !== '\x93NUMPY\x01\x00')
    fail('is not a .npy file of version 1.0');
  const start = 10 + bytes[8] + 256 * bytes[9];
  const header = Buffer.from(bytes.subarray(10, start)).toString('latin1');
  const descr = /'descr': '([^']*)'/.exec(header)?.[1];
  const shape = /'shape': \(([\d, ]*)\)/.exec(header)?.[1];
  if (!(descr in ARRAYS))
    fail(`has the element type ${descr}; readable are ${Object.keys(ARRAYS).join(', ')}`);
  if (!header.includes("'fortran_order': False") || shape === undefined) fail(`is not in C order: ${header}`);
  const extents = (shape.match(/\d+/g) ?? []).map(Number);
  const count = extents.reduce((product, extent) => product * extent, 1);
  const size = count * ARRAYS[descr].BYTES_PER_ELEMENT;
  if (bytes.length - start !== size)
    fail(`holds ${bytes.length - start} bytes of data, its header says ${size}`);
  return { data: new ARRAYS[descr](bytes.slice(start).buffer), shape: extents };
}

/** The array in tests/goldens/PATH, such as `vit_base_patch16_224.dino/forward.npy`. */
export function readGolden(path) {
  const file = fileURLToPath(new URL(`../../goldens/${path}`, import.meta.url));
  return parseNpy(new Uint8Array(readFileSync(file)), path);
}

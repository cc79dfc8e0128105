// NumPy's .npy, little-endian float32 in C order.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { VitreousError } from '../errors.js';

const MAGIC = '\x93NUMPY';

/** The head of a file of format 1.0; the values follow it. */
export function npyHeader(shape: number[]): Uint8Array<ArrayBuffer> {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const text = `${dict.padEnd(Math.ceil((10 + dict.length + 1) / 64) * 64 - 11)}\n`;
  const head = new Uint8Array(10 + text.length);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  head.set(new TextEncoder().encode(text), 10);
  return head;
}

export interface NpyMatrix {
  rows: number;
  dim: number;
  /** Where the values begin, in bytes. */
  start: number;
}

/**
 * Reads the head of a matrix, in any version of the format, and checks that the file has all its values.
 * @param name - of the file, for the errors
 * @throws `IMPORT_FORMAT`
 */
export async function readNpyHeader(file: Blob, name: string): Promise<NpyMatrix> {
  const fail = (problem: string) => new VitreousError('IMPORT_FORMAT', `${name} ${problem}`);
  const latin1 = async (from: number, to: number) =>
    String.fromCharCode(...new Uint8Array(await file.slice(from, to).arrayBuffer()));
  const head = await latin1(0, 12);
  if (!head.startsWith(MAGIC)) throw fail('is no .npy file: save it with numpy.save.');
  const version = head.charCodeAt(6);
  const sizeBytes = version === 1 ? 2 : 4;
  let size = 0;
  for (let i = 0; i < sizeBytes; i++) size += head.charCodeAt(8 + i) * 256 ** i;
  const start = 8 + sizeBytes + size;
  if (!(version >= 1 && version <= 3) || !(start <= file.size)) throw fail('has a damaged head.');
  const dict = await latin1(8 + sizeBytes, start);
  const descr = /'descr': ('[^']*'|\[.*?\])/.exec(dict)?.[1];
  const shape = /'shape': \(([\d, ]*)\)/.exec(dict)?.[1]?.match(/\d+/g)?.map(Number);
  if (descr === undefined || shape === undefined) throw fail('has a damaged head.');
  if (descr !== "'<f4'") throw fail(`holds ${descr}, not float32: save array.astype('<f4').`);
  const [rows, dim] = shape;
  if (rows === undefined || dim === undefined || shape.length !== 2 || dim === 0)
    throw fail(`has the shape (${shape.join(', ')}), not (entries, dim).`);
  if (!dict.includes("'fortran_order': False"))
    throw fail('is in Fortran order: save numpy.ascontiguousarray(array).');
  const bytes = 4 * rows * dim;
  if (file.size - start !== bytes)
    throw fail(`has ${file.size - start} bytes of values, its head says ${bytes}: it is not whole.`);
  return { rows, dim, start };
}

// Arrays in files: NumPy's .npy and raw little-endian float32.
import { readFileSync } from 'node:fs';

/** `{ data, shape }` of a little-endian float32 .npy file of format 1.0. */
export function readNpy(path) {
  const bytes = new Uint8Array(readFileSync(path)); // a copy: the data of a small Buffer need not be aligned
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + (bytes[8] | (bytes[9] << 8))));
  if (!header.includes("'<f4'")) throw new Error(`${path} is not float32: ${header}`);
  const shape = header
    .match(/'shape': \(([^)]*)\)/)[1]
    .split(',')
    .filter((extent) => extent.trim());
  return { data: new Float32Array(bytes.buffer, 10 + header.length), shape: shape.map(Number) };
}

export function readFloats(path) {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}

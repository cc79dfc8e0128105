// safetensors files for the tests: takes the packaged one apart and writes others, whole or damaged on purpose.
// Format: https://github.com/huggingface/safetensors#format
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The packaged model's checkpoint (fp16). */
export const nanoFile = fileURLToPath(
  new URL('../../../models/vit_nano_patch16_224/model.safetensors', import.meta.url),
);

const align = (json) => json.padEnd(Math.ceil(json.length / 8) * 8);

/** A file of this header (a text, or a length that is claimed without a text) and these data. */
export function safetensors(header, data = new Uint8Array()) {
  const text = typeof header === 'string' ? Buffer.from(header) : Buffer.alloc(0);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(typeof header === 'bigint' ? header : BigInt(text.length));
  return new Uint8Array(Buffer.concat([size, text, data]));
}

/** A checkpoint as its entries, `{ name: { dtype, shape, data_offsets } }`, and its data. */
export function readSafetensors(path = nanoFile) {
  const bytes = readFileSync(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  return { entries: JSON.parse(bytes.subarray(8, end).toString()), data: bytes.subarray(end) };
}

/** The packaged checkpoint after `change(entries, data)`, which may return another text for the header. */
export function changed(change) {
  const { entries, data } = readSafetensors();
  const copy = Buffer.from(data);
  const json = change(entries, copy) ?? JSON.stringify(entries);
  return safetensors(align(json), copy);
}

/** The packaged checkpoint in `'F32'` or `'BF16'`; bf16 is rounded towards zero. */
export function converted(dtype) {
  const { entries, data } = readSafetensors();
  const itemSize = dtype === 'F32' ? 4 : 2;
  const out = Buffer.alloc((data.length / 2) * itemSize);
  for (let i = 0; i < data.length / 2; i++) {
    const value = fromHalf(data.readUInt16LE(2 * i));
    if (dtype === 'F32') out.writeFloatLE(value, 4 * i);
    else out.writeUInt16LE(floatBits(value) >>> 16, 2 * i);
  }
  for (const [name, entry] of Object.entries(entries)) {
    if (name === '__metadata__') continue;
    entry.dtype = dtype;
    entry.data_offsets = entry.data_offsets.map((offset) => (offset / 2) * itemSize);
  }
  return safetensors(align(JSON.stringify(entries)), out);
}

/** The value of an IEEE 754 half. */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const view = new DataView(new ArrayBuffer(4));
function floatBits(value) {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

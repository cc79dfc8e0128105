// What the recipes save: a safetensors file (https://github.com/huggingface/safetensors#format) of float32 tensors.
// Its metadata says which recipe it is of, in which version of its layout, and the rest as JSON; any reader of
// safetensors opens it.
import { VitreousError } from '../errors.js';
import type { Tensor } from '../types.js';

export interface Saved {
  tensors: Record<string, Tensor>;
  /** Anything that is JSON. */
  meta: Record<string, unknown>;
}

const MAX_HEADER = 100_000_000; // as safetensors has it

export function encode(recipe: string, version: number, { tensors, meta }: Saved): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {
    __metadata__: { format: `vitreous.${recipe}`, version: String(version), meta: JSON.stringify(meta) },
  };
  let size = 0;
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(start + size);
  bytes.fill(0x20, 8, start);
  bytes.set(text, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, start - 8, true);
  let at = start;
  for (const { data } of Object.values(tensors)) {
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

/**
 * @param names - the tensors that must be there, and no others
 * @throws `CHECKPOINT_FORMAT` for bytes that are no such file, `CHECKPOINT_TRUNCATED` where some are missing,
 * `UNSUPPORTED` for a version that is not known, `TENSOR_NOT_FINITE`
 */
export function decode(recipe: string, version: number, names: string[], bytes: Uint8Array): Saved {
  const fail = (problem: string): never => {
    throw new VitreousError('CHECKPOINT_FORMAT', `These bytes are not a saved ${recipe}: ${problem}.`);
  };
  if (!(bytes instanceof Uint8Array)) fail('they must be a Uint8Array');
  const truncated = () => {
    throw new VitreousError(
      'CHECKPOINT_TRUNCATED',
      `The saved ${recipe} ends too early: ${bytes.length} bytes.`,
    );
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) truncated();
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER) fail('the header is too large to be true');
  const start = 8 + length;
  if (bytes.length < start) truncated();
  let header: Record<string, unknown> = {};
  let about: Record<string, unknown> = {};
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)));
    about = (header.__metadata__ ?? {}) as Record<string, unknown>;
  } catch {
    fail('the header is not JSON');
  }
  if (about.format !== `vitreous.${recipe}`) fail(`its format is ${about.format ?? 'unknown'}`);
  if (about.version !== String(version)) {
    throw new VitreousError(
      'UNSUPPORTED',
      `The saved ${recipe} has layout ${about.version}, this version of the library reads ${version}.`,
    );
  }
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  if (`${entries.map(([name]) => name).sort()}` !== `${[...names].sort()}`) fail('it has other tensors');

  const tensors: Record<string, Tensor> = {};
  let expected = 0;
  for (const [name, entry] of entries) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((value) => Number.isSafeInteger(value) && value >= 0);
    if (dtype !== 'F32' || !whole(shape) || !whole(offsets)) return fail(`${name} is no float32 tensor`);
    const [from = 0, to = 0] = offsets;
    const count = shape.reduce((product, extent) => product * extent, 1);
    if (from !== expected || to - from !== 4 * count) fail(`${name} is not where its shape says`);
    if (start + to > bytes.length) truncated();
    expected = to;
    const data = Float32Array.from({ length: count }, (_, i) => view.getFloat32(start + from + 4 * i, true));
    if (!data.every(Number.isFinite)) {
      throw new VitreousError('TENSOR_NOT_FINITE', `${name} of the saved ${recipe} has a NaN or infinity.`);
    }
    tensors[name] = { data, shape };
  }
  if (start + expected !== bytes.length) fail('something follows its tensors');
  try {
    return { tensors, meta: JSON.parse(String(about.meta)) };
  } catch {
    return fail('its metadata is not JSON');
  }
}

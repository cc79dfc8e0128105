// The bytes of an index, as docs/index-format.md describes them: records, each with its length and checksum.
import { VitreousError } from '../errors.js';
import type { DataConfig } from '../types.js';

export const VERSION = 1;

/** The first bytes of an index; like PNG's they show a transfer that changed line ends. */
export const MAGIC = Uint8Array.of(0x89, 0x56, 0x49, 0x58, 0x0d, 0x0a, 0x1a, 0x0a); // \x89VIX\r\n\x1a\n
const RECORD_MAGIC = 0x43455256; // VREC
const HEAD_BYTES = 24;
export const ALIGN = 8;
/** More than any record has: a length above it is damage. */
const MAX_PAYLOAD = 1 << 28;
/** Records of entries are cut at about this size: what a damaged one loses is little. */
const BLOCK_BYTES = 1 << 16;

export const TYPE = {
  header: 1,
  entries: 2,
  vectors: 3,
  remove: 4,
  clear: 5,
  training: 6,
  commit: 7,
} as const;

/** What is known of the model that made an index's vectors. */
export interface Fingerprint {
  model: string;
  /** Where the weights came from. It is told, and not compared: a file may be moved. */
  weights: string;
  dtype: string;
  dataConfig: DataConfig;
  /** The first numbers of the embedding of a fixed picture, which other weights would not give. */
  probe: number[];
}

export interface Header {
  version: number;
  dim: number;
  metric: 'cosine' | 'dot';
  storage: 'fp32' | 'int8' | 'binary';
  keep: boolean;
  /** Bytes of a row in a record of vectors. */
  rowBytes: number;
  /** null: the vectors came from outside. */
  fingerprint: Fingerprint | null;
}

export interface StoredEntry {
  id: string;
  metadata?: unknown;
}

/** Entries and their vectors: entry `first + i` is row i of `packed`. */
export interface Block {
  first: number;
  entries: StoredEntry[];
  packed: Uint8Array;
}

/** What is written, or counts, as one. */
export interface Changes {
  /** Everything before goes. */
  cleared?: boolean;
  /** Numbers of entries that go. */
  removed?: Uint32Array;
  blocks?: Block[];
  /** What the engine needs to go on with its approximate index. */
  training?: Uint8Array;
}

/** A record as it lies in the log, its checksum not yet compared. */
export interface RawRecord {
  type: number;
  /** Whether entries are removed in the record's batch. */
  removes: boolean;
  batch: number;
  number: number;
  payload: Uint8Array;
  /** The checksum that it should have, and what that covers. */
  crc: number;
  covered: Uint8Array;
  /** Bytes to the next record. */
  size: number;
}

export type Crc32 = (bytes: Uint8Array) => Promise<number>;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const REMOVES = 0x100;

const padded = (bytes: number) => Math.ceil(bytes / ALIGN) * ALIGN;

interface RecordFields {
  type: number;
  removes?: boolean;
  batch: number;
  number?: number;
  payload?: Uint8Array;
}

async function encodeRecord(fields: RecordFields, crc: Crc32): Promise<Uint8Array> {
  const { type, removes = false, batch, number = 0, payload = new Uint8Array(0) } = fields;
  if (payload.length > MAX_PAYLOAD) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `An entry with its metadata is at most ${MAX_PAYLOAD} bytes, not ${payload.length}.`,
    );
  }
  const record = new Uint8Array(padded(HEAD_BYTES + payload.length));
  const view = new DataView(record.buffer);
  view.setUint32(0, RECORD_MAGIC, true);
  view.setUint32(8, type | (removes ? REMOVES : 0), true);
  view.setUint32(12, batch, true);
  view.setUint32(16, number, true);
  view.setUint32(20, payload.length, true);
  record.set(payload, HEAD_BYTES);
  view.setUint32(4, await crc(record.subarray(8, HEAD_BYTES + payload.length)), true);
  return record;
}

/** @returns the record at `at`; the bytes it needs, where there are fewer; undefined where none begins */
export function decodeRecord(bytes: Uint8Array, at: number): RawRecord | number | undefined {
  const left = bytes.length - at;
  if (left < HEAD_BYTES) return HEAD_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD_BYTES);
  if (view.getUint32(0, true) !== RECORD_MAGIC) return undefined;
  const length = view.getUint32(20, true);
  if (length > MAX_PAYLOAD) return undefined;
  const size = padded(HEAD_BYTES + length);
  if (left < size) return size;
  const type = view.getUint32(8, true);
  return {
    type: type & ~REMOVES,
    removes: (type & REMOVES) !== 0,
    batch: view.getUint32(12, true),
    number: view.getUint32(16, true),
    payload: bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length),
    crc: view.getUint32(4, true),
    covered: bytes.subarray(at + 8, at + HEAD_BYTES + length),
    size,
  };
}

/** What an index begins with. The header is there twice: one damaged place does not lose it. */
export async function encodeHeader(header: Header, crc: Crc32): Promise<Uint8Array> {
  const payload = encoder.encode(JSON.stringify(header));
  const record = await encodeRecord({ type: TYPE.header, batch: 0, payload }, crc);
  return joined([MAGIC, record, record]);
}

/** @throws `INDEX_CORRUPT`; `UNSUPPORTED` for a version to come */
export function decodeHeader(payload: Uint8Array): Header {
  const header = decodeJson(payload) as Header;
  if (header.version !== VERSION) {
    throw new VitreousError(
      'UNSUPPORTED',
      `The index has version ${header.version} of the format, this library reads ${VERSION}. Use a newer one.`,
    );
  }
  return header;
}

/** A batch: its records, and the commit by which it counts. */
export async function encodeBatch(changes: Changes, batch: number, crc: Crc32): Promise<Uint8Array[]> {
  const { cleared = false, removed = new Uint32Array(0), blocks = [], training } = changes;
  const removes = cleared || removed.length > 0;
  const records: Uint8Array[] = [];
  const push = async (fields: Omit<RecordFields, 'batch'>) => {
    records.push(await encodeRecord({ ...fields, batch, removes }, crc));
  };
  // Twice, before and after the rest: where one damaged place lost a batch, what it removed does not come back.
  const pushRemovals = async () => {
    if (cleared) await push({ type: TYPE.clear });
    if (removed.length > 0) await push({ type: TYPE.remove, payload: littleEndian(removed) });
  };
  await pushRemovals();
  for (const { first, entries, packed } of blocks) {
    await push({
      type: TYPE.entries,
      number: first,
      payload: encoder.encode(JSON.stringify(entries)),
    });
    await push({ type: TYPE.vectors, number: first, payload: packed });
  }
  if (training) await push({ type: TYPE.training, payload: training });
  await pushRemovals();
  await push({ type: TYPE.commit, number: records.length });
  return records;
}

/** Entries and their vectors in records of a good size. */
export function toBlocks(
  first: number,
  entries: StoredEntry[],
  packed: Uint8Array,
  rowBytes: number,
): Block[] {
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  return Array.from({ length: Math.ceil(entries.length / rows) }, (_, i) => ({
    first: first + i * rows,
    entries: entries.slice(i * rows, (i + 1) * rows),
    packed: packed.subarray(i * rows * rowBytes, (i + 1) * rows * rowBytes),
  }));
}

export const decodeEntries = (payload: Uint8Array) => decodeJson(payload) as StoredEntry[];

export function decodeNumbers(payload: Uint8Array): Uint32Array {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return Uint32Array.from({ length: payload.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function littleEndian(numbers: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((number, i) => {
    view.setUint32(4 * i, number, true);
  });
  return new Uint8Array(view.buffer);
}

function decodeJson(payload: Uint8Array): unknown {
  return JSON.parse(decoder.decode(payload));
}

export function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

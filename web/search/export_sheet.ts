// What the files of all formats are made with.
import { VitreousError } from '../errors.js';
import type { Entry } from './types.js';

/** A file before it knows of progress and signals: `bytes` makes it of all entries, in pieces. */
export interface Sheet {
  name: string;
  type: string;
  bytes(entries: AsyncIterable<Entry>, shape: Shape): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** What is known of the entries before they are read. */
export interface Shape {
  rows: number;
  dim: number;
  metric: 'cosine' | 'dot';
}

const PIECE_BYTES = 1 << 20;
const encoder = new TextEncoder();

/** Lines of text in pieces of a good size. */
export const text = (entries: AsyncIterable<Entry>, lineOf: (entry: Entry) => string) =>
  pieces(entries, (entry) => encoder.encode(lineOf(entry)));

/** Bytes of each entry in pieces of a good size. */
export async function* pieces(
  entries: AsyncIterable<Entry>,
  bytesOf: (entry: Entry) => Uint8Array,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for await (const entry of entries) {
    const bytes = bytesOf(entry);
    if (filled + bytes.length > piece.length) {
      yield piece.subarray(0, filled);
      piece = new Uint8Array(Math.max(PIECE_BYTES, bytes.length));
      filled = 0;
    }
    piece.set(bytes, filled);
    filled += bytes.length;
  }
  yield piece.subarray(0, filled);
}

/** @throws `INVALID_ARGUMENT` for half a surrogate pair, which is no character and becomes another one in UTF-8 */
export function wellFormed(id: string): string {
  if (/\p{Surrogate}/u.test(id)) {
    const shown = JSON.stringify(id);
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `The id ${shown} is no valid Unicode, which this format asks for: rename it.`,
    );
  }
  return id;
}

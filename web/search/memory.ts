import type { Storage } from './storage.js';

const PIECE_BYTES = 1 << 20;

/** A log that is in memory: it is read once, and what is written nobody needs. */
export function loadBytes(source: Uint8Array | ArrayBuffer | Blob): Storage {
  const blob = source instanceof Blob ? source : undefined;
  const bytes = blob ? undefined : new Uint8Array(source as Uint8Array<ArrayBuffer>);
  const size = blob?.size ?? (bytes as Uint8Array).length;
  return {
    name: 'The index',
    fresh: false,
    async *read(from) {
      for (let at = from; at < size; at += PIECE_BYTES) {
        const end = Math.min(size, at + PIECE_BYTES);
        yield blob
          ? new Uint8Array(await blob.slice(at, end).arrayBuffer())
          : (bytes as Uint8Array).slice(at, end);
      }
    },
    replaced: async () => false,
    append: async () => {},
    async replace(pieces) {
      for await (const _ of pieces);
    },
    truncate: async () => {},
    close: async () => {},
  };
}

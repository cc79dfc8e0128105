import type { Storage } from './storage.js';

const PIECE_BYTES = 1 << 20;

/** A log that is in memory, and stays as it is: what is written is in the index alone. */
export function loadBytes(source: Uint8Array | ArrayBuffer | Blob): Storage {
  const blob = source instanceof Blob ? source : undefined;
  const bytes = blob ? undefined : new Uint8Array(source as Uint8Array<ArrayBuffer>);
  const size = blob?.size ?? (bytes as Uint8Array).length;
  let changed = false;
  return {
    name: 'The index',
    get lasting() {
      return !changed;
    },
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
    async append() {
      changed = true;
    },
    async replace(pieces) {
      changed = true;
      for await (const _ of pieces);
    },
    truncate: async () => {},
    close: async () => {},
  };
}

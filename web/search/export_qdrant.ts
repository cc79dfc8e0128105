// Bodies for Qdrant's REST API: https://api.qdrant.tech
import { sha1 } from '@noble/hashes/legacy.js';
import { type Sheet, text, wellFormed } from './export_sheet.js';
import type { Entry } from './types.js';

/** Numbers of a body: a few megabytes of JSON, where Qdrant takes 32. */
const BODY_VALUES = 1 << 17;
/** RFC 9562's namespace of URLs: Python's uuid.NAMESPACE_URL. */
const NAMESPACE = '6ba7b8119dad11d180b400c04fd430c8';

const encoder = new TextEncoder();

const collection: Sheet = {
  name: 'collection.json',
  type: 'application/json',
  async *bytes(_, { dim, metric }) {
    const vectors = { size: dim, distance: metric === 'cosine' ? 'Cosine' : 'Dot' };
    yield encoder.encode(`${JSON.stringify({ vectors })}\n`);
  },
};

const points: Sheet = {
  name: 'points.jsonl',
  type: 'application/x-ndjson',
  bytes(entries, { rows, dim }) {
    const batch = Math.max(1, Math.floor(BODY_VALUES / dim));
    let at = 0;
    return text(entries, (entry) => {
      const begin = at % batch === 0 ? '{"points":[' : ',';
      at++;
      const end = at % batch === 0 || at === rows ? ']}\n' : '';
      return begin + JSON.stringify(pointOf(entry)) + end;
    });
  },
};

export const qdrantFiles = [collection, points];

/** Qdrant takes numbers and UUIDs as ids; the own id is in the payload. */
const pointOf = ({ id, vector, metadata }: Entry) => ({
  id: uuid5(wellFormed(id)),
  vector: Array.from(vector),
  payload: { id, ...(metadata && { metadata }) },
});

/** RFC 9562, UUID version 5. */
function uuid5(name: string): string {
  const namespace = Uint8Array.from(NAMESPACE.match(/../g) as string[], (byte) => Number.parseInt(byte, 16));
  const bytes = sha1.create().update(namespace).update(encoder.encode(name)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

import type { ByteSource } from '../engine/engine.js';
import { throwIfAborted, VitreousError } from '../errors.js';
import type { Weights } from '../types.js';

const CHUNK_BYTES = 1 << 20;

/**
 * Bytes that are here already, or come as a stream, in pieces, as they are: whoever reads them looks at what they begin
 * with (sniff.ts). URLs and paths are the platform's to open.
 * @param signal - ends also a stream from which nothing comes
 */
export function chunks(weights: Exclude<Weights, string | URL>, signal?: AbortSignal): ByteSource {
  if (weights instanceof ArrayBuffer) return chunks(new Uint8Array(weights));
  if (weights instanceof Uint8Array) return { bytes: () => pieces(weights), size: weights.length };
  if (weights instanceof Blob) return { bytes: () => read(weights.stream(), signal), size: weights.size };
  if (weights instanceof ReadableStream) return { bytes: () => read(weights, signal), size: undefined };
  if (weights instanceof Response) {
    if (!weights.ok) {
      throw new VitreousError('HTTP_STATUS', `The checkpoint's Response has status ${weights.status}.`);
    }
    const { body } = weights;
    if (body === null || weights.bodyUsed) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        'The checkpoint’s Response has no body, or it was read already.',
      );
    }
    return { bytes: () => read(body, signal), size: undefined };
  }
  throw new VitreousError(
    'INVALID_ARGUMENT',
    'weights must be a URL or path, an ArrayBuffer, Uint8Array, Blob, ReadableStream or Response.',
  );
}

async function* pieces(bytes: Uint8Array) {
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES) yield bytes.subarray(i, i + CHUNK_BYTES);
}

// Safari's streams are not async iterable yet.
async function* read(stream: ReadableStream<Uint8Array>, signal: AbortSignal | undefined) {
  if (stream.locked)
    throw new VitreousError('INVALID_ARGUMENT', 'The checkpoint’s stream is locked by another reader.');
  const reader = stream.getReader();
  let done = false;
  const stop = () => reader.cancel(signal?.reason).catch(() => {}); // a read that waits then ends
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { value, done: end } = await reader.read().catch((cause) => {
        throw new VitreousError('NETWORK', `The checkpoint’s stream failed: ${cause?.message ?? cause}`, {
          cause,
        });
      });
      done = end;
      throwIfAborted(signal);
      if (value === undefined) return;
      if (!(value instanceof Uint8Array)) {
        throw new VitreousError('INVALID_ARGUMENT', 'The checkpoint’s stream must give Uint8Arrays.');
      }
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    // Stopped early: let the source stop too, before the lock goes.
    if (!done) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

import { abortError, VitreousError } from '../errors.js';
import { chunks } from './chunks.js';

/**
 * A checkpoint from a URL. `total` is for progress only: with a compressed transfer Content-Length counts other bytes
 * than those that arrive, so the engine never relies on it.
 */
export async function fetchWeights(
  url: string,
  options: { cache: boolean; signal?: AbortSignal | undefined },
) {
  const response = await fetchOk(url, options);
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  return {
    bytes: named(chunks(response).bytes, url, options.signal),
    size: undefined,
    total: length ? Number(length) : undefined,
  };
}

/** A connection that breaks in the middle says so with the address. */
async function* named(bytes: AsyncIterable<Uint8Array>, url: string, signal: AbortSignal | undefined) {
  try {
    yield* bytes;
  } catch (cause) {
    if (signal?.aborted) throw abortError(signal);
    throw new VitreousError('NETWORK', `The connection broke while ${url} was on its way. Try again.`, {
      cause,
    });
  }
}

/** fetch, with errors that say what happened. */
export async function fetchOk(
  url: string,
  { cache, signal }: { cache: boolean; signal?: AbortSignal | undefined },
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { cache: cache ? 'default' : 'no-store', ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (signal?.aborted) throw abortError(signal);
    throw new VitreousError(
      'NETWORK',
      `${url} could not be fetched. Check the address, the network, and that its server allows this page (CORS).`,
      { cause },
    );
  }
  if (!response.ok) {
    throw new VitreousError(
      'HTTP_STATUS',
      `${url} answered ${response.status} ${response.statusText}.`.replace(' .', '.'),
    );
  }
  return response;
}

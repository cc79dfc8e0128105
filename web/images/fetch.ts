import { abortError, VitreousError } from '../errors.js';

/** fetch of an image, with errors that say what happened. */
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

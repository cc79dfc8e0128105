// One HTTP request, with errors that say what happened and which of them may pass.
import { abortError, throwIfAborted, VitreousError } from '../errors.js';
import { htmlPage } from './sniff.js';

const MAX_REDIRECTS = 20;
const MAX_WAIT_MS = 120_000;

export interface RequestOptions {
  /** Sent to the URL's own origin only. */
  headers: Record<string, string> | undefined;
  /** `Range` and its kin, sent wherever the request goes. */
  range: Record<string, string>;
  cache: RequestCache;
  /** Milliseconds without an answer or a byte after which the connection counts as broken. */
  stallTimeout: number;
  signal: AbortSignal | undefined;
}

/** A failure that may pass: another try makes sense, and this error if that fails too. */
export class Interruption extends Error {
  readonly error: VitreousError;
  /** What the server asks to wait, in milliseconds. */
  readonly waitMs: number;

  constructor(error: VitreousError, waitMs = 0) {
    super(error.message);
    this.error = error;
    this.waitMs = waitMs;
  }
}

/** A response whose body is read piece by piece. */
export class Incoming {
  readonly response: Response;
  readonly #url: string;
  readonly #options: RequestOptions;
  readonly #stop: AbortController;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  private constructor(url: string, options: RequestOptions, stop: AbortController, response: Response) {
    this.#url = url;
    this.#options = options;
    this.#stop = stop;
    this.response = response;
    this.#reader = response.body?.getReader();
  }

  /**
   * Asks for `url`; status 200, 206 and 416 come back.
   * @throws an {@link Interruption}, or `NOT_FOUND`, `UNAUTHORIZED`, `HTTP_STATUS`, `HTML_PAGE`, `MIXED_CONTENT`,
   *   `REDIRECT_LOOP`, `ABORTED`
   */
  static async open(url: string, options: RequestOptions): Promise<Incoming> {
    throwIfAborted(options.signal);
    refuseMixedContent(url);
    const stop = new AbortController();
    const response = await watched(url, options, stop, () => follow(url, options, stop.signal));
    const { status, headers } = response;
    if (status === 200 || status === 206 || status === 416) {
      if (status !== 416 && headers.get('content-type')?.startsWith('text/html')) {
        stop.abort();
        throw htmlPage(url);
      }
      return new Incoming(url, options, stop, response);
    }
    stop.abort();
    throw statusError(url, response);
  }

  /**
   * The next bytes, decoded; undefined at the end.
   * @throws an {@link Interruption}, or `ABORTED`
   */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const answer = await watched(this.#url, this.#options, this.#stop, async () => this.#reader?.read());
      if (answer?.value === undefined) return undefined;
      if (answer.value.length > 0) return answer.value;
    }
  }

  /** Ends the connection. */
  close(): void {
    this.#stop.abort();
    this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
  }
}

/** Waits for `work`, which `stop` ends; a stall and a broken connection become an Interruption. */
async function watched<T>(
  url: string,
  { stallTimeout, signal }: RequestOptions,
  stop: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    stop.abort();
  }, stallTimeout);
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    throwIfAborted(signal);
    return await work();
  } catch (cause) {
    if (signal?.aborted) throw abortError(signal);
    if (cause instanceof VitreousError) throw cause;
    if (stalled) {
      const text = `Nothing came from ${url} for ${stallTimeout / 1000} s. Check the network and try again: what is here is kept.`;
      throw new Interruption(new VitreousError('NETWORK', text, { cause }));
    }
    throw networkError(url, cause);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * fetch, where the caller's headers never reach another origin. Node lets one follow redirects by hand. Browsers do not;
 * they drop `authorization` by themselves, and with any other header a redirect is refused.
 */
async function follow(url: string, options: RequestOptions, signal: AbortSignal): Promise<Response> {
  const { headers, range, cache } = options;
  if (headers === undefined) return fetch(url, { headers: range, cache, signal });
  let at = url;
  for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
    const own = new URL(at).origin === new URL(url).origin;
    const init = { headers: { ...(own && headers), ...range }, cache, signal };
    const response = await fetch(at, { ...init, redirect: 'manual' });
    if (response.type === 'opaqueredirect') {
      const dropped = Object.keys(headers).every((name) => name.toLowerCase() === 'authorization');
      return fetch(at, { ...init, redirect: dropped ? 'follow' : 'error' });
    }
    const location = response.headers.get('location');
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await response.body?.cancel();
    at = new URL(location, at).href;
  }
  throw redirectLoop(url);
}

const redirectLoop = (url: string) =>
  new VitreousError('REDIRECT_LOOP', `${url} redirects in a loop. Check the address.`);

/** Node says by the cause what happened; a browser hides it. */
function networkError(url: string, cause: unknown): Error {
  const deeper = (cause as { cause?: { code?: string; message?: string } }).cause;
  if (deeper?.message === 'redirect count exceeded') return redirectLoop(url);
  const detail = deeper && (deeper.message || deeper.code);
  const guess = detail
    ? `: ${detail}`
    : '. A browser does not say why: the network may be gone, the server may not allow this page (CORS), or it may redirect in a loop';
  return new Interruption(
    new VitreousError('NETWORK', `${url} could not be fetched${guess}. Check the address and try again.`, {
      cause,
    }),
  );
}

/** Browsers block it with the same words as any other failure. */
function refuseMixedContent(url: string): void {
  if (globalThis.location?.protocol !== 'https:') return;
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'http:' || /^(localhost|127\.|\[::1\])/.test(hostname)) return;
  throw new VitreousError(
    'MIXED_CONTENT',
    `${url} is an http address, which a page on https may not fetch. Serve the file over https.`,
  );
}

function statusError(url: string, response: Response): Error {
  const { status, statusText } = response;
  const answered = `${url} answered ${status}${statusText && ` ${statusText}`}`;
  if (status === 404 || status === 410) {
    return new VitreousError('NOT_FOUND', `${answered}: there is no such file. Check the address.`);
  }
  if (status === 401 || status === 403) {
    return new VitreousError(
      'UNAUTHORIZED',
      `${answered}: the file is private or gated, or does not exist. Accept its terms at the hub, and give a token: headers: { authorization: 'Bearer …' }.`,
    );
  }
  const error = (text: string) => new VitreousError('HTTP_STATUS', `${answered}${text}.`);
  if (status !== 408 && status !== 429 && status < 500) return error('');
  const waitMs = retryAfter(response.headers.get('retry-after'));
  if (waitMs > MAX_WAIT_MS) return error(` and asks to wait ${Math.round(waitMs / 1000)} s: try again then`);
  return new Interruption(error(', again and again: try again later'), waitMs);
}

/** `Retry-After` in seconds or as a date, as milliseconds from now. */
function retryAfter(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\s*\d+\s*$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Math.max(0, ms) || 0; // neither a number nor a date: as if it were not there
}

/** Waits; the signal ends it with `ABORTED`. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const done = () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(abortError(signal as AbortSignal));
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

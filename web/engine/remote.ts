// The engine in a worker of its own.
import { abortError, disposedError, toVitreousError, VitreousError } from '../errors.js';
import { toPostable, unreadable } from '../images/browser.js';
import type { ImageInput, Progress } from '../types.js';
import { chunks } from '../weights/chunks.js';
import { webLock } from '../weights/web_locks.js';
import type { Backend, Source } from './backend.js';
import { blockedBefore, watchThreads } from './blocked.js';
import {
  type Call,
  type Calls,
  type FromWorker,
  type PlainCall,
  type PostableWeights,
  pack,
  type ToWorker,
  unpack,
} from './protocol.js';

interface Pending {
  resolve(result: unknown): void;
  reject(error: VitreousError): void;
  onProgress?: ((progress: Progress) => void) | undefined;
}

interface CallOptions {
  transfer?: Transferable[];
  signal?: AbortSignal | undefined;
  onProgress?: Pending['onProgress'];
}

/** Starts the engine in `worker`, which becomes the backend's own: disposing of it ends it, which alone frees memory. */
export async function remoteBackend(
  worker: Worker,
  start: Omit<Parameters<Calls['start']>[0], 'life' | 'obstacle'>,
  options: { signal?: AbortSignal | undefined; worker: boolean },
): Promise<Backend> {
  const pending = new Map<number, Pending>();
  const alarms: MessagePort[] = [];
  const life = options.worker ? `life:${Math.random()}` : undefined;
  const watch = new AbortController();
  let threadsCame = () => {};
  let failure: VitreousError | undefined;
  let ready = false;
  let calls = 0;

  const end = (error: VitreousError) => {
    failure ??= error;
    worker.terminate();
    watch.abort();
    threadsCame();
    for (const alarm of alarms) alarm.close();
    for (const { reject } of pending.values()) reject(failure);
    pending.clear();
  };
  const died = (detail: string | undefined) => {
    const advice = ready
      ? 'The next call starts it anew.'
      : `If it never started, check that ${'worker.js'} is served beside the package's index.js (see assetBase) and that the Content-Security-Policy allows worker-src ’self’.`;
    end(new VitreousError('WORKER_FAILED', `The worker stopped${detail ? `: ${detail}` : ''}. ${advice}`));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    died(event.message);
  };
  worker.onmessageerror = () => died('it sent what cannot be read');
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if ('alarm' in data) {
      data.alarm.onmessage = (event) => died(event.data);
      alarms.push(data.alarm);
      return;
    }
    if ('threads' in data) {
      threadsCame();
      if (data.threads === 'starting') threadsCame = watchThreads(end);
      return;
    }
    const call = pending.get(data.id);
    if (call === undefined) return; // cancelled meanwhile
    if ('progress' in data) {
      call.onProgress?.(data.progress);
      return;
    }
    pending.delete(data.id);
    if ('error' in data) {
      const error = unpack(data.error);
      call.reject(error);
      if (data.dead) end(error);
    } else call.resolve(data.result);
  };

  function post<C extends Call>(call: C, args: Parameters<Calls[C]>[0], options: CallOptions = {}) {
    const { signal, transfer = [], onProgress } = options;
    return new Promise<ReturnType<Calls[C]>>((resolve, reject) => {
      if (failure) return reject(failure);
      if (signal?.aborted) return reject(abortError(signal));
      const id = calls++;
      const cancel = () => {
        pending.delete(id);
        worker.postMessage({ id, cancel: true } satisfies ToWorker);
        reject(abortError(signal as AbortSignal));
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const settle =
        <T>(f: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', cancel);
          f(value);
        };
      pending.set(id, {
        resolve: settle(resolve as (result: unknown) => void),
        reject: settle(reject),
        onProgress,
      });
      try {
        worker.postMessage({ id, call, args } as ToWorker, transfer);
      } catch (error) {
        pending.get(id)?.reject(unreadable(error)); // only images can be what is not to be posted
        pending.delete(id);
      }
    });
  }

  const plain =
    <C extends PlainCall>(call: C) =>
    (...args: Parameters<Calls[C]>[0]) =>
      post(call, args);

  async function postable(images: ImageInput[]) {
    const all = await Promise.all(images.map(toPostable));
    return { images: all.map(({ image }) => image), transfer: all.flatMap(({ transfer }) => transfer) };
  }

  const { held, ...started } = await post(
    'start',
    { ...start, life, obstacle: blockedBefore() },
    { signal: options.signal },
  ).catch((error) => {
    end(error);
    throw error;
  });
  ready = true;
  // Who gets the worker's lock learns that it has gone, also without an event; no clock is asked, which may have slept.
  if (life !== undefined && held) {
    const gone = webLock(life, 'exclusive', { wait: true, signal: watch.signal });
    gone
      .then((release) => {
        release?.();
        died('it was ended from outside');
      })
      .catch(() => {}); // disposed of
  }

  return {
    ...started,
    worker: options.worker,
    get failure() {
      return failure;
    },
    find: (request, access, { signal }) => post('find', { request, access }, { signal }),
    async load(config, request, { signal, onProgress }) {
      const weights = postableWeights(request.weights);
      const head = request.head && postableWeights(request.head);
      const transfer = [weights, head].flatMap((posted) =>
        posted && 'port' in posted.source ? [posted.source.port] : [],
      );
      const posted = { ...request, weights: weights.source, head: head?.source };
      try {
        return await post('load', { config, request: posted }, { signal, onProgress, transfer });
      } finally {
        weights.close();
        head?.close();
      }
    },
    async transform(images, config, { signal }) {
      const { images: posted, transfer } = await postable(images);
      return post('transform', { images: posted, config }, { signal, transfer });
    },
    async forward(images, config, request, { signal }) {
      if (!Array.isArray(images)) return post('forward', { images, config, request }, { signal });
      const { images: posted, transfer } = await postable(images);
      return post('forward', { images: posted, config, request }, { signal, transfer });
    },
    forwardHead: plain('forwardHead'),
    classifier: plain('classifier'),
    resetClassifier: plain('resetClassifier'),
    compute: plain('compute'),
    make: plain('make'),
    invoke: plain('invoke'),
    memoryBytes: plain('memoryBytes'),
    profile: plain('profile'),
    dispose: (reason = disposedError()) => end(reason),
  };
}

/** URLs and Blobs the worker reads by itself; anything else it asks for, so that no copy of the whole is made. */
function postableWeights(weights: Source): { source: PostableWeights; close(): void } {
  if (Array.isArray(weights) || weights instanceof Blob) return { source: weights, close() {} };

  const { bytes, size } = chunks(weights);
  const iterator = bytes()[Symbol.asyncIterator]();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = async () => {
    try {
      const { value, done } = await iterator.next();
      if (done) port1.postMessage({ done: true });
      else {
        const chunk = value.slice(); // the caller's bytes stay the caller's
        port1.postMessage({ chunk }, [chunk.buffer]);
      }
    } catch (error) {
      port1.postMessage({ error: pack(toVitreousError(error)) });
    }
  };
  const close = () => {
    port1.close();
    iterator.return?.().catch(() => {}); // releases the stream's lock; it has failed already if this does
  };
  return { source: { port: port2, size }, close };
}

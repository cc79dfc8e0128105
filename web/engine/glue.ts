import { VitreousError } from '../errors.js';
import type { AnyModule, CreateEngine, GlueOptions } from './module.js';

const PAGE_BYTES = 1 << 16;
/** What the engines are built with (bindings/CMakeLists.txt). */
const INITIAL_BYTES = 1 << 24;
const MOST_BYTES = 2 ** 32;
/** An engine with less has no room for a model. */
const LEAST_BYTES = 1 << 26;

// A thread's start takes tens of milliseconds, and its script comes from the cache.
const START_MS = 10_000;

export interface StartOptions {
  /** The caller included. Default 1; more need a build with threads, and a caller that may block. */
  threads?: number;
  /** What a thread's worker runs; see {@link GlueOptions}. */
  script?: string | undefined;
  /** The most bytes that the engine's memory may grow to. */
  maxMemory?: number | undefined;
}

/** A module that runs. */
export interface Started<M extends AnyModule> {
  module: M;
  /** How many threads it has, the caller included. */
  threads: number;
  endThreads(): void;
}

/**
 * Starts a module and its threads.
 * @throws when it, or one of the threads, does not start
 */
export async function startGlue<M extends AnyModule>(
  createEngine: CreateEngine,
  wasm: WebAssembly.Module,
  { threads = 1, script, maxMemory }: StartOptions = {},
): Promise<Started<M>> {
  const memory = threads > 1 ? sharedMemory(maxMemory) : { wasmMemory: newMemory(maxMemory), maxMemory };
  let endThreads = () => {};
  let late: ReturnType<typeof setTimeout> | undefined;
  try {
    const module = await new Promise<M>((resolve, reject) => {
      const options: GlueOptions = {
        threads,
        mainScriptUrlOrBlob: script,
        ...memory,
        instantiateWasm(imports, done) {
          WebAssembly.instantiate(wasm, imports).then((instance) => done(instance, wasm), reject);
          return {};
        },
      };
      createEngine<M>(options).then(resolve, reject);
      const { PThread } = options;
      if (PThread === undefined || threads === 1) return; // there is nobody to wait for
      endThreads = () => PThread.terminateAllThreads();
      // The glue waits for its threads for ever: a worker that fails, or never answers, must be noticed here.
      const failed = (detail: string) =>
        reject(new VitreousError('WORKER_FAILED', `a thread did not start: ${detail}`));
      for (const worker of PThread.unusedWorkers) onFailedStart(worker, failed);
      late = setTimeout(() => failed(`no answer in ${START_MS / 1000} s`), START_MS);
    });
    return { module, threads: module.setThreads(threads), endThreads };
  } catch (error) {
    endThreads();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

const newMemory = (most = MOST_BYTES, shared = false) =>
  new WebAssembly.Memory({
    initial: INITIAL_BYTES / PAGE_BYTES,
    maximum: Math.floor(most / PAGE_BYTES),
    shared,
  });

/** Memory for threads has its room set aside from the start: 4 GB are more than a phone gives. */
function sharedMemory(most = MOST_BYTES): Pick<GlueOptions, 'wasmMemory' | 'maxMemory'> {
  for (let maxMemory = most; ; maxMemory /= 2) {
    try {
      const wasmMemory = newMemory(maxMemory, true);
      return { wasmMemory, maxMemory: maxMemory < MOST_BYTES ? maxMemory : undefined };
    } catch (error) {
      if (maxMemory / 2 < LEAST_BYTES) throw error;
    }
  }
}

/** Calls `failed` when the worker of a thread fails before its first message; in a browser later failures stay the glue's. */
function onFailedStart(worker: Worker, failed: (detail: string) => void): void {
  if ('on' in worker) {
    // Node, where the glue's handler would throw outside of any call and so end the process.
    (worker as unknown as NodeJS.EventEmitter).on('error', (error: Error) => failed(error.message));
    Object.defineProperty(worker, 'onerror', { get: () => () => {}, set() {} });
    return;
  }
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    failed(event.message ?? 'its worker could not be loaded');
  };
  worker.addEventListener('error', onError);
  worker.addEventListener('message', () => worker.removeEventListener('error', onError), { once: true });
}

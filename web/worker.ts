// The worker: one self-contained script (no import, no import.meta, no top-level await), so that every bundler and
// every content security policy takes it as it is. It is told the addresses of everything it needs.
import single from '#glue';
import threaded from '#glue-mt';
import type { Backend } from './engine/backend.js';
import { localBackend } from './engine/local.js';
import {
  type Calls,
  type FromWorker,
  type PostableWeights,
  pack,
  type ToWorker,
  unpack,
} from './engine/protocol.js';
import { type EngineParts, pageObstacle, planThreads, startEngine } from './engine/threads.js';
import { compileEngine, wasmFile } from './engine/wasm.js';
import { toVitreousError, VitreousError } from './errors.js';
import { decode, type Postable } from './images/browser.js';
import type { Progress } from './types.js';
import { chunks } from './weights/chunks.js';
import { browserNetwork } from './weights/network.js';
import { RemoteFile } from './weights/remote.js';
import { remoteFiles } from './weights/remote_files.js';

// A thread of the engine is this same file once more, in a worker of the same script type: bundlers may have changed
// that from module to classic, and only modules refuse importScripts.
let type: WorkerType = 'classic';
try {
  self.importScripts();
} catch {
  type = 'module';
}
const scope = self as unknown as DedicatedWorkerGlobalScope;
/** Of the threads that are starting; those that do not start are none to miss. */
let alarms: MessagePort[] = [];
self.Worker = class extends self.Worker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(url, { ...options, type });
    // One end is the thread's, the other the page's: nobody here will hear of the thread's end.
    const { port1, port2 } = new MessageChannel();
    this.postMessage({ alarm: port2 }, [port2]);
    alarms.push(port1);
  }
};

const running = new Map<number, AbortController>();
let backend: Backend<Postable, PostableWeights> | undefined;
/** Held, not used: whoever has the other end learns from it that this worker is no more. */
let port: MessagePort | undefined;

async function start({
  wasm,
  first,
  threads,
  maxMemory,
  life,
}: Parameters<Calls['start']>[0]): Promise<Backend<Postable, PostableWeights>> {
  hold(life);
  const plan = planThreads(threads, { logical: navigator.hardwareConcurrency, obstacle: pageObstacle() });
  const parts: EngineParts = {
    compile: (name, variant) => compileEngine(wasm[wasmFile(name, variant)]),
    threaded: async () => {
      alarms = [];
      return threaded;
    },
    single,
    script: self.location.href,
    onThreads() {
      for (const alarm of alarms) scope.postMessage({ alarm } satisfies FromWorker, [alarm]);
    },
    maxMemory,
  };
  const started = await startEngine(plan, parts, first);
  return localBackend(started, {
    openImage: decode,
    async openWeights(weights, access, signal) {
      if ('port' in weights) return [{ bytes: () => pulled(weights.port), size: weights.size }];
      if (weights instanceof Blob) return [chunks(weights, signal)];
      const network = await browserNetwork();
      return weights.map((file) => new RemoteFile(file, network, { access, signal }));
    },
    files: async (access, signal) => remoteFiles(await browserNetwork(), access, signal),
  });
}

async function* pulled(port: MessagePort): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const answer = new Promise<MessageEvent>((resolve) => {
        port.onmessage = resolve;
      });
      port.postMessage('next');
      const { data } = await answer;
      if (data.done) return;
      if (data.error) throw unpack(data.error);
      yield data.chunk;
    }
  } finally {
    port.close();
  }
}

async function answer(
  message: Extract<ToWorker, { call: unknown }>,
  signal: AbortSignal,
): Promise<{ result: unknown; transfer?: Transferable[] }> {
  if (message.call === 'start') {
    backend = await start(message.args);
    const { variant, threads, threadsReason } = backend;
    return { result: { variant, threads, threadsReason } };
  }
  if (backend === undefined)
    throw new VitreousError('INTERNAL', 'The worker was called before it was started.');
  switch (message.call) {
    case 'find':
      return { result: await backend.find(message.args.request, message.args.access, { signal }) };
    case 'load': {
      const { config, request } = message.args;
      const onProgress = (progress: Progress) => {
        scope.postMessage({ id: message.id, progress } satisfies FromWorker);
      };
      return { result: await backend.load(config, request, { signal, onProgress }) };
    }
    case 'transform': {
      const result = await backend.transform(message.args.images, message.args.config, { signal });
      return { result, transfer: [result.buffer] };
    }
    case 'forward': {
      const { images, config, request } = message.args;
      return transferred(await backend.forward(images, config, request, { signal }));
    }
    case 'forwardHead':
      return transferred(
        await backend.forwardHead(message.args.features, message.args.tokens, message.args.preLogits),
      );
    case 'classifier':
      return transferred(await backend.classifier());
    case 'resetClassifier': {
      const { numClasses, globalPool, values } = message.args;
      return { result: await backend.resetClassifier(numClasses, globalPool, values) };
    }
    case 'compute':
      return transferred(await backend.compute(message.args.recipe, message.args.args));
    case 'make':
      return { result: await backend.make(message.args.name, message.args.args) };
    case 'invoke': {
      const { object, method, args } = message.args;
      return transferred(await backend.invoke(object, method, args));
    }
    case 'profile':
      return { result: await backend.profile() };
    case 'memoryBytes':
      return { result: await backend.memoryBytes() };
  }
}

/** What the engine returns is a copy: its arrays are moved, not copied once more. */
function transferred(result: unknown) {
  const values = ArrayBuffer.isView(result) ? [result] : Object.values((result ?? {}) as object).flat();
  const arrays = values.filter((value) => ArrayBuffer.isView(value));
  return { result, transfer: arrays.map(({ buffer }) => buffer as ArrayBuffer) };
}

async function onMessage({ data }: MessageEvent<ToWorker>) {
  if ('cancel' in data) {
    running.get(data.id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(data.id, controller);
  try {
    const { result, transfer = [] } = await answer(data, controller.signal);
    scope.postMessage({ id: data.id, result } satisfies FromWorker, transfer);
  } catch (error) {
    const dead = backend?.failure !== undefined;
    scope.postMessage({ id: data.id, error: pack(toVitreousError(error)), dead } satisfies FromWorker);
  } finally {
    running.delete(data.id);
  }
}

function hold(held: MessagePort): void {
  port = held;
  port.start();
}

// In a thread's worker (Emscripten's name for it) messages are the glue's, but for the alarm.
if (self.name.startsWith('em-pthread')) {
  scope.addEventListener('message', ({ data }) => data.alarm && hold(data.alarm));
  scope.addEventListener('error', ({ message }) => port?.postMessage(message));
} else scope.onmessage = onMessage;

// The engine's end of the messages: what remote.ts asks, answered.
import { toVitreousError, VitreousError } from '../errors.js';
import { decode, type Postable } from '../images/browser.js';
import type { Progress } from '../types.js';
import { chunks } from '../weights/chunks.js';
import { browserNetwork } from '../weights/network.js';
import { RemoteFile } from '../weights/remote.js';
import { remoteFiles } from '../weights/remote_files.js';
import { sniffedSource } from '../weights/sniff.js';
import { webLock } from '../weights/web_locks.js';
import type { Backend } from './backend.js';
import { localBackend } from './local.js';
import {
  type Calls,
  type FromWorker,
  type PostableWeights,
  pack,
  type ToWorker,
  unpack,
} from './protocol.js';
import { type EngineParts, planThreads, startEngine } from './threads.js';
import { compileEngine, wasmFile } from './wasm.js';

/** Where the messages come from: a worker's own scope, or a port. */
export interface EnginePort {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

export interface ServeOptions {
  /** What the engine is made of here. */
  parts: Omit<EngineParts, 'compile' | 'maxMemory'>;
  /** Why there can be no threads here, if there can be none. */
  obstacle: string | undefined;
}

/** Answers for one engine. Returns what ends it. */
export function serve(port: EnginePort, { parts, obstacle }: ServeOptions): () => void {
  const running = new Map<number, AbortController>();
  let backend: Backend<Postable, PostableWeights> | undefined;

  async function start(args: Parameters<Calls['start']>[0]) {
    const plan = planThreads(args.threads, {
      logical: navigator.hardwareConcurrency,
      obstacle: obstacle ?? args.obstacle,
    });
    const compile: EngineParts['compile'] = (name, variant) =>
      compileEngine(args.wasm[wasmFile(name, variant)]);
    const started = await startEngine(plan, { ...parts, compile, maxMemory: args.maxMemory }, args.first);
    return localBackend<Postable, PostableWeights>(started, {
      openImage: decode,
      async openWeights(weights, access, signal) {
        if ('port' in weights) {
          return [sniffedSource({ bytes: () => pulled(weights.port), size: weights.size })];
        }
        if (weights instanceof Blob) return [sniffedSource(chunks(weights, signal))];
        const network = await browserNetwork();
        return weights.map((file) => new RemoteFile(file, network, { access, signal }));
      },
      files: async (access, signal) => remoteFiles(await browserNetwork(), access, signal),
    });
  }

  async function answer(
    message: Extract<ToWorker, { call: unknown }>,
    signal: AbortSignal,
  ): Promise<{ result: unknown; transfer?: Transferable[] }> {
    if (message.call === 'start') {
      backend = await start(message.args);
      const { variant, threads, threadsReason } = backend;
      const held = await hold(message.args.life);
      return { result: { variant, threads, threadsReason, held } };
    }
    if (backend === undefined)
      throw new VitreousError('INTERNAL', 'The engine was called before it was started.');
    switch (message.call) {
      case 'find':
        return { result: await backend.find(message.args.request, message.args.access, { signal }) };
      case 'load': {
        const { config, request } = message.args;
        const onProgress = (progress: Progress) => {
          port.postMessage({ id: message.id, progress });
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
      default: {
        const call = backend[message.call] as (...args: unknown[]) => Promise<unknown>;
        return transferred(await call(...message.args));
      }
    }
  }

  port.onmessage = async ({ data }) => {
    if ('cancel' in data) {
      running.get(data.id)?.abort();
      return;
    }
    const controller = new AbortController();
    running.set(data.id, controller);
    try {
      const { result, transfer = [] } = await answer(data, controller.signal);
      port.postMessage({ id: data.id, result }, transfer);
    } catch (error) {
      const dead = backend?.failure !== undefined;
      port.postMessage({ id: data.id, error: pack(toVitreousError(error)), dead });
    } finally {
      running.delete(data.id);
    }
  };
  return () => {
    for (const controller of running.values()) controller.abort();
    backend?.dispose();
  };
}

/** Takes the lock that only this worker's end lets go of. Not every place has locks. */
async function hold(life: string | undefined): Promise<boolean> {
  if (life === undefined || navigator.locks === undefined) return false;
  const release = await webLock(life, 'exclusive', { wait: true }).catch(() => undefined);
  return release !== undefined;
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

/** What the engine returns is a copy: its arrays are moved, not copied once more. */
function transferred(result: unknown) {
  const values = ArrayBuffer.isView(result) ? [result] : Object.values((result ?? {}) as object).flat();
  const arrays = values.filter((value) => ArrayBuffer.isView(value));
  return { result, transfer: arrays.map(({ buffer }) => buffer as ArrayBuffer) };
}

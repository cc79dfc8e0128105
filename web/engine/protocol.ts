// The messages between a page and its worker: numbered calls, each answered once; progress in between; a call can be
// cancelled. Errors travel as code and message, and say whether the engine has died of it. A thread of the engine that
// dies leaves the worker waiting for it, deaf: each has an alarm of its own.
import { type ErrorCode, VitreousError } from '../errors.js';
import type { Postable } from '../images/browser.js';
import type { Access } from '../settings.js';
import type { DataConfig, ModelConfig, Progress, Variant } from '../types.js';
import type { FindRequest, Found } from '../weights/find.js';
import type { FileAddress } from '../weights/transfer.js';
import type { Backend, LoadRequest, LoadResult } from './backend.js';
import type { ForwardRequest, ForwardResult, ModuleName } from './module.js';
import type { ThreadsState } from './threads.js';
import type { WasmFile } from './wasm.js';

/** A checkpoint that the worker can read by itself, or one that the page feeds through a port, chunk by chunk. */
export type PostableWeights = FileAddress[] | Blob | { port: MessagePort; size: number | undefined };

/** What is asked of the backend with what can be posted as it is, and cannot be cancelled. */
export type PlainCall =
  | 'forwardHead'
  | 'classifier'
  | 'resetClassifier'
  | 'compute'
  | 'make'
  | 'invoke'
  | 'memoryBytes'
  | 'profile';

type Plain = { [C in PlainCall]: (args: Parameters<Backend[C]>) => Awaited<ReturnType<Backend[C]>> };

export interface Calls extends Plain {
  /**
   * `wasm` has the addresses of the modules, `first` is the one to begin with. `life` names a lock that a worker holds until
   * it is no more, however that comes; `held` says that it does. `obstacle` is why it must not try to have threads.
   */
  start(args: {
    wasm: Record<WasmFile, string>;
    first: ModuleName;
    threads: number | 'auto';
    maxMemory: number | undefined;
    life: string | undefined;
    obstacle: string | undefined;
  }): {
    variant: Variant;
    threads: number;
    threadsReason: string | undefined;
    held: boolean;
  };
  find(args: { request: FindRequest; access: Access }): Found;
  load(args: { config: ModelConfig; request: LoadRequest<PostableWeights> }): LoadResult;
  transform(args: { images: Postable[]; config: DataConfig }): Float32Array;
  forward(args: {
    images: Postable[] | Float32Array;
    config: DataConfig;
    request: ForwardRequest;
  }): ForwardResult;
}
export type Call = keyof Calls;

export type ToWorker =
  | { [C in Call]: { id: number; call: C; args: Parameters<Calls[C]>[0] } }[Call]
  | { id: number; cancel: true };

export type FromWorker =
  | { id: number; result: unknown }
  | { id: number; error: { code: ErrorCode; message: string }; dead: boolean }
  | { alarm: MessagePort }
  | { threads: ThreadsState }
  | { id: number; progress: Progress };

export const pack = (error: VitreousError) => ({ code: error.code, message: error.message });
export const unpack = (error: { code: ErrorCode; message: string }) =>
  new VitreousError(error.code, error.message);

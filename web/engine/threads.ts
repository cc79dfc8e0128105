// How many threads: what was asked for, what the machine has, what the place allows.
import type { Variant } from '../types.js';
import { Engine, type StartModule } from './engine.js';
import { startGlue } from './glue.js';
import type { CreateEngine, ModuleName, Modules } from './module.js';
import { chooseSimd } from './variant.js';

// Beyond this many a thread has too few of an image's 197 rows to be worth its memory, and a page is a guest.
const MAX_AUTO = 8;
// More than this is a slip, and each costs a worker.
const MAX_ASKED = 64;

export interface ThreadPlan {
  threads: number;
  /** Why they are fewer than asked for. */
  reason?: string | undefined;
}

export interface Machine {
  /** Processors as the system counts them: two to a core where that runs two threads. */
  logical: number;
  /** Cores, where the platform tells. */
  physical?: number | undefined;
  /** Why this place has no threads, if it has none. */
  obstacle?: string | undefined;
}

/**
 * `'auto'` is one thread for each core: a second one on the same core finds the multiply-add units taken. Browsers tell
 * logical processors only. Up to 4 of them are taken as cores; of more, half, but at least 4: the cores of a desktop
 * that runs two threads on each (8 → 4, 12 → 6), and the fast ones of a phone or of Apple's 4 + 4.
 */
export function planThreads(asked: number | 'auto', machine: Machine): ThreadPlan {
  const {
    logical,
    obstacle,
    physical = logical <= 4 ? logical : Math.max(4, Math.ceil(logical / 2)),
  } = machine;
  const threads = asked === 'auto' ? Math.min(logical, physical, MAX_AUTO) : Math.min(asked, MAX_ASKED);
  if (threads > 1 && obstacle !== undefined) return { threads: 1, reason: obstacle };
  if (asked !== 'auto' && asked > threads) return { threads, reason: `${MAX_ASKED} threads are the most` };
  return { threads: Math.max(1, threads) };
}

/**
 * Why the page that this code runs for can have no threads. A build with threads hangs where memory cannot be shared,
 * so this comes first. WebKitGTK calls pages isolated and yet has no SharedArrayBuffer: both must be there.
 */
export function pageObstacle(): string | undefined {
  if (!globalThis.crossOriginIsolated) {
    return (
      'the page is not cross-origin isolated; serve it and its scripts with the headers Cross-Origin-Opener-Policy: ' +
      'same-origin and Cross-Origin-Embedder-Policy: require-corp'
    );
  }
  return globalThis.SharedArrayBuffer === undefined ? 'this browser has no SharedArrayBuffer' : undefined;
}

/** `created`: their workers are there, which is where Firefox may block. */
export type ThreadsState = 'starting' | 'created' | 'started' | 'failed';

/** What an engine is made of, in this place. */
export interface EngineParts {
  compile(module: ModuleName, variant: Variant): Promise<WebAssembly.Module>;
  /** The glue for modules with threads, where there can be any. */
  threaded?: () => Promise<CreateEngine>;
  /** The glue for modules without. */
  single: CreateEngine;
  /** What a thread's worker runs. */
  script?: string;
  /** Called each time before a module's threads are started, when their workers are there, and when that has ended. */
  onThreads?: (state: ThreadsState) => void;
  /** The most bytes of each module's memory. */
  maxMemory?: number | undefined;
}

/**
 * Starts the fastest engine there is for the plan: without threads where they fail to start, which `reason` then says.
 * @param first - the module that it begins with; another starts in the same way when it is needed
 */
export async function startEngine(
  { threads, reason }: ThreadPlan,
  { compile, threaded, single, script, onThreads, maxMemory }: EngineParts,
  first: ModuleName,
): Promise<{ engine: Engine; threadsReason: string | undefined }> {
  const simd = chooseSimd();
  let threadsReason = reason;
  const start: StartModule = async <M extends ModuleName>(name: M) => {
    if (threads > 1 && threaded !== undefined) {
      const variant = `${simd}-mt` as const;
      try {
        const [glue, wasm] = await Promise.all([threaded(), compile(name, variant)]);
        onThreads?.('starting');
        const starting = startGlue<Modules[M]>(glue, wasm, { threads, script, maxMemory });
        onThreads?.('created'); // the glue makes them before it waits for anything
        const started = await starting;
        onThreads?.('started');
        return { ...started, variant };
      } catch (error) {
        onThreads?.('failed');
        threadsReason = (error as Error).message;
      }
    }
    const started = await startGlue<Modules[M]>(single, await compile(name, simd), { maxMemory });
    return { ...started, variant: simd };
  };
  return { engine: await Engine.create(start, first), threadsReason };
}

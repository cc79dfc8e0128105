// The engine in the thread that asks for it: its script (worker.ts), imported.
import { VitreousError } from '../errors.js';
import type { EnginePort } from './serve.js';

/** Where the script leaves what it has to give; another version of the package has another place. */
export const ENGINE = Symbol.for(`vitreous ${VERSION}`);
export interface EngineSlot {
  [ENGINE]?: {
    /** Answers for one engine; returns what ends it. Missing until the script has run. */
    serve?(port: EnginePort): () => void;
  };
}

/**
 * Has the script at this address serve this thread.
 * @returns what can be talked to as to a worker
 */
export async function engineHere(script: string): Promise<Worker> {
  (globalThis as EngineSlot)[ENGINE] ??= {}; // tells the script that it is not a worker's own
  const slot = () => (globalThis as EngineSlot)[ENGINE]?.serve;
  if (slot() === undefined) {
    await import(/* @vite-ignore */ /* webpackIgnore: true */ script).catch((cause) => {
      throw new VitreousError(
        'WORKER_FAILED',
        `The engine's script (${script}) could not be loaded: ${cause.message} Serve the package's dist there, or set ` +
          "assetBase. In a service worker, which may load nothing later, import 'vitreous/dist/worker.js' beforehand.",
        { cause },
      );
    });
  }
  const { port1, port2 } = new MessageChannel();
  const end = slot()?.(port2);
  const terminate = () => {
    end?.();
    port1.close();
  };
  return Object.assign(port1, { terminate }) as unknown as Worker;
}

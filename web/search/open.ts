// What an index runs on, from what its user asks for.
import type { Backend, LastingEngine } from '../engine/backend.js';
import type { ModuleName } from '../engine/module.js';
import { RestartingBackend } from '../engine/restarting.js';
import { throwIfAborted, toVitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { CreateModelOptions } from '../types.js';
import { checkHeader, fingerprintOf } from './fingerprint.js';
import { VERSION } from './format.js';
import { Journal } from './journal.js';
import { invalid } from './query.js';
import type { Storage } from './storage.js';
import type { OpenIndexOptions } from './types.js';

/** What an index runs on. */
export interface IndexParts {
  journal: Journal;
  model: VisionTransformer | undefined;
  /** An engine of its own. */
  backend: Backend | undefined;
  storage: Storage | undefined;
  readOnly: boolean;
  /** Whether an approximate index is built when its time has come, and used. */
  approximate: boolean;
}

/** Starts what an index needs; the two platforms differ in `createBackend` and in the storage. */
export async function openParts(
  createBackend: (options: CreateModelOptions, first: ModuleName) => Promise<Backend>,
  storage: Storage | undefined,
  options: OpenIndexOptions,
): Promise<IndexParts> {
  const { model, signal, repair = false, readOnly = false, onProgress, assetBase, worker, threads } = options;
  const { approximate = 'auto' } = options;
  let backend: RestartingBackend | undefined;
  try {
    throwIfAborted(signal);
    if (approximate !== 'auto' && approximate !== false)
      throw invalid(`approximate is 'auto' or false, not ${approximate}.`);
    const own = model && (await fingerprintOf(model, signal));
    backend = model
      ? undefined
      : await RestartingBackend.create((own) => createBackend(own, 'tools'), {
          assetBase,
          worker,
          threads,
          signal,
        });
    const engine: LastingEngine = model?.engine ?? (backend as RestartingBackend);
    const journal = await Journal.open(engine, {
      storage,
      repair,
      readOnly,
      check: (header) => checkHeader(storage?.name ?? 'The index', header, own, options),
      async create() {
        const { metric = 'cosine', storage: form = 'fp32', keep = true, dim = model?.config.dim } = options;
        if (dim === undefined)
          throw invalid('A new index needs a model, or the length of its vectors: { dim }.');
        if (model && dim !== model.config.dim)
          throw invalid(
            `${model.config.name} makes vectors of ${model.config.dim} numbers, so dim cannot be ${dim}.`,
          );
        return {
          version: VERSION,
          dim,
          metric,
          storage: form,
          keep: form !== 'fp32' && keep,
          fingerprint: own ?? null,
        };
      },
      onProgress: onProgress && ((loaded) => onProgress({ stage: 'open', loaded })),
    });
    return { journal, model, backend, storage, readOnly, approximate: approximate === 'auto' };
  } catch (error) {
    backend?.dispose();
    await storage?.close();
    throw toVitreousError(error);
  }
}

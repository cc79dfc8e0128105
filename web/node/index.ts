/**
 * vitreous in Node: the same API, with the engine in this process; images and checkpoints may be file paths.
 * @packageDocumentation
 */
import { deleteFromStores, listStores } from '../cache.js';
import { create } from '../create.js';
import type { VisionTransformer } from '../model.js';
import { type Transform, transformOn } from '../transform.js';
import type { CreateModelOptions, DataConfig } from '../types.js';
import type { CacheEntry } from '../weights/store.js';
import { type ConvertOptions, convertOn } from './convert.js';
import { remember } from './created.js';
import { createBackend, host, startModule } from './host.js';
import { nodeNetwork } from './weights.js';

export { type ErrorCode, VitreousError } from '../errors.js';
export { cosineSimilarity, softmax, topk } from '../math.js';
export { VisionTransformer } from '../model.js';
export { type PreprocessName, resolveDataConfig } from '../preprocess.js';
export { listModels } from '../registry.js';
export { env } from '../settings.js';
export type { Transform } from '../transform.js';
export type * from '../types.js';
export type { CacheEntry } from '../weights/store.js';
export type { ConvertOptions } from './convert.js';

/** As in a browser, see there; `weights` may be a path. The engine runs in this process, `worker` is not looked at. */
export async function createModel(
  name: string,
  options: CreateModelOptions = {},
): Promise<VisionTransformer> {
  return remember(await create(host, name, options), name, options);
}

/**
 * Writes a checkpoint anew, smaller, as a folder in timm-hub layout that is ready to host: `model.safetensors`,
 * `config.json` and, where there are labels, `labels.txt`. The files get their names when all are complete; after an
 * error nothing is left. Never more than a few tensors are in memory.
 *
 * @param name - as for {@link createModel}
 * @param folder - where to write; must be new, empty, or a folder that this function made
 * @throws `WRITE_FAILED`; `TENSOR_DTYPE` for a value that fp16 does not hold; and what createModel throws for a bad
 * checkpoint
 */
export function convertModel(name: string, folder: string, options: ConvertOptions): Promise<void> {
  return convertOn(host, startModule, name, folder, options);
}

/** As in a browser, see there. */
export function createTransform(config: DataConfig): Transform {
  return transformOn(() => createBackend({ threads: 1 }), config);
}

/** What the cache folder holds, parts of files included. */
export async function listCache(): Promise<CacheEntry[]> {
  const { store } = await nodeNetwork();
  return listStores(store ? [store] : []);
}

/** As in a browser, see there. */
export async function deleteFromCache(nameOrUrl?: string | URL): Promise<number> {
  const { store } = await nodeNetwork();
  return deleteFromStores(store ? [store] : [], nameOrUrl);
}

/**
 * vitreous in Node: the same API, with the engine in this process; images and checkpoints may be file paths.
 * @packageDocumentation
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import createEngine from '#glue';
import nanoConfig from '../../models/vit_nano_patch16_224/config.json';
import nanoLabels from '../../models/vit_nano_patch16_224/labels.txt';
import { deleteFromStores, listStores } from '../cache.js';
import { create, type Host } from '../create.js';
import type { Backend } from '../engine/backend.js';
import { startGlue } from '../engine/glue.js';
import { localBackend } from '../engine/local.js';
import type { CreateEngine } from '../engine/module.js';
import { planThreads, startEngine } from '../engine/threads.js';
import type { VisionTransformer } from '../model.js';
import { type Transform, transformOn } from '../transform.js';
import type { CreateModelOptions, DataConfig } from '../types.js';
import type { CacheEntry } from '../weights/store.js';
import { type ConvertOptions, convertOn } from './convert.js';
import { physicalCores } from './cores.js';
import { openImage } from './images.js';
import { addressOf, nodeFiles, nodeNetwork, openWeights } from './weights.js';

export { type ErrorCode, VitreousError } from '../errors.js';
export { cosineSimilarity, softmax, topk } from '../math.js';
export { VisionTransformer } from '../model.js';
export { listModels } from '../registry.js';
export { env } from '../settings.js';
export type { Transform } from '../transform.js';
export type * from '../types.js';
export type { CacheEntry } from '../weights/store.js';
export type { ConvertOptions } from './convert.js';

const NANO = 'vit_nano_patch16_224';

const asset = {
  simd: new URL('./vitreous-simd.wasm', import.meta.url),
  relaxed: new URL('./vitreous-relaxed.wasm', import.meta.url),
  'simd-mt': new URL('./vitreous-simd-mt.wasm', import.meta.url),
  'relaxed-mt': new URL('./vitreous-relaxed-mt.wasm', import.meta.url),
  // A file of its own, which each thread runs too.
  threads: new URL('./node-threads.cjs', import.meta.url),
  nano: new URL('./vit_nano_patch16_224.safetensors', import.meta.url),
};

async function createBackend({ threads = 'auto' }: CreateModelOptions): Promise<Backend> {
  const plan = planThreads(threads, { logical: availableParallelism(), physical: physicalCores() });
  const started = await startEngine(plan, {
    compile: async (variant) => WebAssembly.compile(await readFile(asset[variant])),
    threaded: async () => keepingGlobals((await import(asset.threads.href)).default),
    single: createEngine,
  });
  return localBackend(started, { openImage, openWeights, files: nodeFiles });
}

/** The glue makes Node's Worker a global, by which other libraries would take this for a browser. */
function keepingGlobals(threaded: CreateEngine): CreateEngine {
  return (options) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
    try {
      return threaded(options);
    } finally {
      Reflect.deleteProperty(globalThis, 'Worker');
      if (before) Object.defineProperty(globalThis, 'Worker', before);
    }
  };
}

const host: Host = {
  createBackend,
  packaged(name) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return { url: asset.nano.href, config: nanoConfig, labels: nanoLabels, license };
  },
  address: addressOf,
  imagenetLabels: nanoLabels,
};

/** As in a browser, see there; `weights` may be a path. The engine runs in this process, `worker` is not looked at. */
export function createModel(name: string, options: CreateModelOptions = {}): Promise<VisionTransformer> {
  return create(host, name, options);
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
  const startModule = async () => {
    const { module } = await startGlue(
      createEngine,
      await WebAssembly.compile(await readFile(asset.simd)),
      {},
    );
    return module;
  };
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

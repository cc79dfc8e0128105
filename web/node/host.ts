// What the package needs of Node: its files, the engine in this process, sharp for images.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import createEngine from '#glue';
import nanoConfig from '../../models/vit_nano_patch16_224/config.json';
import nanoLabels from '../../models/vit_nano_patch16_224/labels.txt';
import type { Host } from '../create.js';
import type { Backend } from '../engine/backend.js';
import { startGlue } from '../engine/glue.js';
import { localBackend } from '../engine/local.js';
import type { CreateEngine, EngineModule } from '../engine/module.js';
import { planThreads, startEngine } from '../engine/threads.js';
import type { CreateModelOptions } from '../types.js';
import { physicalCores } from './cores.js';
import { openImage } from './images.js';
import { addressOf, nodeFiles, openWeights } from './weights.js';

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

export async function createBackend({ threads = 'auto', maxMemory }: CreateModelOptions): Promise<Backend> {
  const plan = planThreads(threads, { logical: availableParallelism(), physical: physicalCores() });
  const started = await startEngine(plan, {
    compile: async (variant) => WebAssembly.compile(await readFile(asset[variant])),
    threaded: async () => keepingGlobals((await import(asset.threads.href)).default),
    single: createEngine,
    maxMemory,
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

export const host: Host = {
  createBackend,
  packaged(name) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return { url: asset.nano.href, config: nanoConfig, labels: nanoLabels, license };
  },
  address: addressOf,
  imagenetLabels: nanoLabels,
};

/** The engine alone, without threads and without a model. */
export async function startModule(): Promise<EngineModule> {
  const { module } = await startGlue(createEngine, await WebAssembly.compile(await readFile(asset.simd)), {});
  return module;
}

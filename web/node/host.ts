// What the package needs of Node: its files, the engine in this process, sharp for images.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import createEngine from '#glue';
import nanoConfig from '../../models/vit_nano_patch16_224/config.json';
import labels from '../../models/vit_nano_patch16_224/labels.txt';
import type { Host } from '../create.js';
import type { Backend } from '../engine/backend.js';
import { startGlue } from '../engine/glue.js';
import { localBackend } from '../engine/local.js';
import type { CreateEngine, ModelModule, ModuleName } from '../engine/module.js';
import { type EngineParts, planThreads, startEngine } from '../engine/threads.js';
import { wasmFile } from '../engine/wasm.js';
import type { CreateModelOptions, Variant } from '../types.js';
import { physicalCores } from './cores.js';
import { openImage } from './images.js';
import { addressOf, nodeFiles, openWeights } from './weights.js';

const NANO = 'vit_nano_patch16_224';

const asset = {
  'vitreous-simd.wasm': new URL('./vitreous-simd.wasm', import.meta.url),
  'vitreous-relaxed.wasm': new URL('./vitreous-relaxed.wasm', import.meta.url),
  'vitreous-simd-mt.wasm': new URL('./vitreous-simd-mt.wasm', import.meta.url),
  'vitreous-relaxed-mt.wasm': new URL('./vitreous-relaxed-mt.wasm', import.meta.url),
  'vitreous-tools-simd.wasm': new URL('./vitreous-tools-simd.wasm', import.meta.url),
  'vitreous-tools-relaxed.wasm': new URL('./vitreous-tools-relaxed.wasm', import.meta.url),
  'vitreous-tools-simd-mt.wasm': new URL('./vitreous-tools-simd-mt.wasm', import.meta.url),
  'vitreous-tools-relaxed-mt.wasm': new URL('./vitreous-tools-relaxed-mt.wasm', import.meta.url),
  // A file of its own, which each thread runs too.
  threads: new URL('./node-threads.cjs', import.meta.url),
  nano: new URL('./vit_nano_patch16_224.safetensors', import.meta.url),
};

const compile = async (name: ModuleName, variant: Variant) =>
  WebAssembly.compile(await readFile(asset[wasmFile(name, variant)]));

/** @param first - the module of the engine that it begins with */
export async function createBackend(
  { threads = 'auto', maxMemory }: CreateModelOptions,
  first: ModuleName = 'model',
): Promise<Backend> {
  const plan = planThreads(threads, { logical: availableParallelism(), physical: physicalCores() });
  const parts: EngineParts = {
    compile,
    threaded: async () => keepingGlobals((await import(asset.threads.href)).default),
    single: createEngine,
    maxMemory,
  };
  const started = await startEngine(plan, parts, first);
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

const imagenetLabels = async () => labels;

export const host: Host = {
  createBackend,
  packaged(name) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return { url: asset.nano.href, config: nanoConfig, labels: imagenetLabels, license };
  },
  address: addressOf,
  imagenetLabels,
};

/** The model's module alone, without threads and without a model in it. */
export async function startModule(): Promise<ModelModule> {
  const { module } = await startGlue<ModelModule>(createEngine, await compile('model', 'simd'));
  return module;
}

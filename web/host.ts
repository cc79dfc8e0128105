// What the package needs of a browser: its files, its workers, its images.
//
// Every file of the package that is fetched is named here, once, as `new URL('./file', import.meta.url)`: the form that
// bundlers find and rewrite.
import createEngine from '#glue';
import nanoConfig from '../models/vit_nano_patch16_224/config.json';
import nanoLabels from '../models/vit_nano_patch16_224/labels.txt';
import type { Host } from './create.js';
import type { Backend, Source } from './engine/backend.js';
import { localBackend } from './engine/local.js';
import { remoteBackend } from './engine/remote.js';
import { planThreads, startEngine } from './engine/threads.js';
import { compileEngine } from './engine/wasm.js';
import { decode, isOwn, toPostable } from './images/browser.js';
import type { CreateModelOptions, ImageInput, Variant } from './types.js';
import { chunks } from './weights/chunks.js';
import { browserNetwork } from './weights/network.js';
import { RemoteFile } from './weights/remote.js';
import { remoteFiles } from './weights/remote_files.js';

const NANO = 'vit_nano_patch16_224';

const asset = {
  simd: () => new URL('./vitreous-simd.wasm', import.meta.url),
  relaxed: () => new URL('./vitreous-relaxed.wasm', import.meta.url),
  'simd-mt': () => new URL('./vitreous-simd-mt.wasm', import.meta.url),
  'relaxed-mt': () => new URL('./vitreous-relaxed-mt.wasm', import.meta.url),
  nano: () => new URL('./vit_nano_patch16_224.safetensors', import.meta.url),
};
const files = {
  simd: 'vitreous-simd.wasm',
  relaxed: 'vitreous-relaxed.wasm',
  'simd-mt': 'vitreous-simd-mt.wasm',
  'relaxed-mt': 'vitreous-relaxed-mt.wasm',
  nano: 'vit_nano_patch16_224.safetensors',
} satisfies Record<keyof typeof asset, string>;

/**
 * Vite up to 7 serves a copy of this module from `node_modules/.vite/deps/` in development, where the files beside it
 * are missing: they are in the package.
 */
function movedBase(): URL | undefined {
  const self = import.meta.url;
  return /\/node_modules\/\.vite\/deps\//.test(self) ? new URL('../../vitreous/dist/', self) : undefined;
}

function assetUrl(name: keyof typeof asset, assetBase: string | URL | undefined): string {
  const base = assetBase === undefined ? movedBase() : folderUrl(assetBase);
  return (base === undefined ? asset[name]() : new URL(files[name], base)).href;
}

function startWorker(assetBase: string | URL | undefined): Worker {
  const base = assetBase === undefined ? movedBase() : folderUrl(assetBase);
  return base === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(/* @vite-ignore */ /* webpackIgnore: true */ new URL('worker.js', base).href, {
        type: 'module',
      });
}

const absolute = (url: string | URL) =>
  new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);

function folderUrl(folder: string | URL): URL {
  const url = absolute(folder);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

export async function createBackend(options: CreateModelOptions): Promise<Backend> {
  const { worker = typeof document !== 'undefined', threads = 'auto' } = options;
  const { assetBase, signal, maxMemory } = options;
  const url = (variant: Variant) => assetUrl(variant, assetBase);
  if (worker) {
    const wasm = {
      simd: url('simd'),
      relaxed: url('relaxed'),
      'simd-mt': url('simd-mt'),
      'relaxed-mt': url('relaxed-mt'),
    };
    const backend = await remoteBackend(startWorker(assetBase), { wasm, threads, maxMemory }, { signal });
    return tellReason(backend);
  }
  const plan = planThreads(threads, {
    logical: navigator.hardwareConcurrency,
    obstacle:
      'threads need a worker of the engine’s own, and this model was created with worker: false or in a worker',
  });
  const started = await startEngine(plan, {
    compile: (variant) => compileEngine(url(variant)),
    single: createEngine,
    maxMemory,
  });
  const backend = localBackend<ImageInput, Source>(started, {
    openImage: async (image, imageSignal) => {
      const { image: postable } = await toPostable(image);
      return decode(postable, imageSignal, isOwn(postable, image));
    },
    async openWeights(weights, access, weightsSignal) {
      if (!Array.isArray(weights)) return [chunks(weights, weightsSignal)];
      const network = await browserNetwork();
      return weights.map((file) => new RemoteFile(file, network, { access, signal: weightsSignal }));
    },
    files: async (access, filesSignal) => remoteFiles(await browserNetwork(), access, filesSignal),
  });
  return tellReason(backend);
}

let told = false;

/** Says once in a page why an engine has fewer threads than it could. */
function tellReason(backend: Backend): Backend {
  if (backend.threadsReason !== undefined && !told) {
    told = true;
    const threads = backend.threads === 1 ? 'one thread' : `${backend.threads} threads`;
    console.info(`vitreous runs on ${threads}: ${backend.threadsReason}.`);
  }
  return backend;
}

export const host: Host = {
  createBackend,
  packaged(name, { assetBase }) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return { url: assetUrl('nano', assetBase), config: nanoConfig, labels: nanoLabels, license };
  },
  address: (place) => absolute(place).href,
  imagenetLabels: nanoLabels,
};

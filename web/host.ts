// What the package needs of a browser: its files, its workers, its images.
//
// Every file of the package that is fetched is named here, once, as `new URL('./file', import.meta.url)`: the form that
// bundlers find and rewrite.
import nanoConfig from '../models/vit_nano_patch16_224/config.json';
import type { Host } from './create.js';
import type { Backend } from './engine/backend.js';
import { ThreadsBlocked } from './engine/blocked.js';
import { engineHere } from './engine/here.js';
import type { ModuleName } from './engine/module.js';
import { remoteBackend } from './engine/remote.js';
import type { WasmFile } from './engine/wasm.js';
import { VitreousError } from './errors.js';
import { fetchOk } from './images/fetch.js';
import type { CreateModelOptions } from './types.js';

const NANO = 'vit_nano_patch16_224';

// Without a spread, of which bundlers cannot tell that it does nothing: they would keep it where it is not used.
const asset = {
  'vitreous-simd.wasm': () => new URL('./vitreous-simd.wasm', import.meta.url),
  'vitreous-relaxed.wasm': () => new URL('./vitreous-relaxed.wasm', import.meta.url),
  'vitreous-simd-mt.wasm': () => new URL('./vitreous-simd-mt.wasm', import.meta.url),
  'vitreous-relaxed-mt.wasm': () => new URL('./vitreous-relaxed-mt.wasm', import.meta.url),
  'vitreous-tools-simd.wasm': () => new URL('./vitreous-tools-simd.wasm', import.meta.url),
  'vitreous-tools-relaxed.wasm': () => new URL('./vitreous-tools-relaxed.wasm', import.meta.url),
  'vitreous-tools-simd-mt.wasm': () => new URL('./vitreous-tools-simd-mt.wasm', import.meta.url),
  'vitreous-tools-relaxed-mt.wasm': () => new URL('./vitreous-tools-relaxed-mt.wasm', import.meta.url),
  'worker.js': () => new URL('./worker.js', import.meta.url),
  'imagenet-1k.txt': () => new URL('./imagenet-1k.txt', import.meta.url),
  'vit_nano_patch16_224.safetensors': () => new URL('./vit_nano_patch16_224.safetensors', import.meta.url),
} satisfies Record<WasmFile | string, () => URL>;

type Asset = keyof typeof asset;

/**
 * Vite up to 7 serves a copy of this module from `node_modules/.vite/deps/` in development, where the files beside it
 * are missing: they are in the package.
 */
function movedBase(): URL | undefined {
  // Not by a path relative to this module's URL, which bundlers would take for one more file to copy. And by where a
  // file is said to be: Vite 8 moves the module too, and knows the file's place, even in a workspace that hoists.
  const [, modules] = /^(.*\/node_modules\/)\.vite\/deps\//.exec(asset['imagenet-1k.txt']().href) ?? [];
  return modules === undefined ? undefined : new URL(`${modules}vitreous/dist/`);
}

function assetUrl(file: Asset, assetBase: string | URL | undefined): string {
  const base = assetBase === undefined ? movedBase() : folderUrl(assetBase);
  // Turbopack makes URLs that are paths only.
  return absolute(base === undefined ? asset[file]() : new URL(file, base)).href;
}

function startWorker(assetBase: string | URL | undefined): Worker {
  const base = assetBase === undefined ? movedBase() : folderUrl(assetBase);
  try {
    return base === undefined
      ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
      : new Worker(/* @vite-ignore */ /* webpackIgnore: true */ new URL('worker.js', base).href, {
          type: 'module',
        });
  } catch (cause) {
    throw new VitreousError(
      'WORKER_FAILED',
      `The worker could not start: ${(cause as Error).message} Browsers take a worker from the page's own origin only: ` +
        "serve the package's dist there, named as assetBase, or pass worker: false.",
      { cause },
    );
  }
}

const absolute = (url: string | URL) =>
  new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);

function folderUrl(folder: string | URL): URL {
  const url = absolute(folder);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** @param first - the module of the engine that it begins with */
export async function createBackend(
  options: CreateModelOptions,
  first: ModuleName = 'model',
): Promise<Backend> {
  const { worker = typeof document !== 'undefined', threads = 'auto' } = options;
  const { assetBase, signal, maxMemory } = options;
  const urls = (Object.keys(asset) as Asset[]).map((file) => [file, assetUrl(file, assetBase)]);
  const start = { wasm: Object.fromEntries(urls), first, threads, maxMemory };
  const script = worker ? startWorker(assetBase) : await engineHere(assetUrl('worker.js', assetBase));
  try {
    return tellReason(await remoteBackend(script, start, { signal, worker }));
  } catch (error) {
    if (error instanceof ThreadsBlocked) return createBackend(options, first); // in the end without threads
    throw error;
  }
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

/** A file, as a page that classifies nothing has no use for it. */
async function imagenetLabels({ assetBase, signal }: CreateModelOptions): Promise<string> {
  return (await fetchOk(assetUrl('imagenet-1k.txt', assetBase), { cache: true, signal })).text();
}

export const host: Host = {
  createBackend,
  packaged(name, options) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return {
      url: assetUrl(`${NANO}.safetensors`, options.assetBase),
      config: nanoConfig,
      labels: () => imagenetLabels(options),
      license,
    };
  },
  address: (place) => absolute(place).href,
  imagenetLabels,
};

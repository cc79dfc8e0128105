// Getting a model ready, in a process that does nothing else: `load` only prepares, `ready` is what is timed.
import { readFileSync } from 'node:fs';
import { onnxFile } from './forward.mjs';

export const load = ({ engine, ...options }) => ({ vitreous, onnxruntime })[engine](options);

/** `weights`: a path or an address; `cache`: the folder of the cache, none without. */
async function vitreous({ model: name, weights, cache, dtype, threads }) {
  if (cache) process.env.VITREOUS_CACHE = cache;
  const { createModel } = await import('../../dist/node.mjs');
  return contestant(async () => {
    const { info } = await createModel(name, { weights, dtype, threads, cache: Boolean(cache) });
    return { cached: info.cached };
  });
}

/** The session alone: the bytes are in memory before. */
async function onnxruntime({ folder, dtype, threads }) {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  const bytes = readFileSync(onnxFile(folder, dtype));
  return contestant(async () => {
    await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    return {};
  });
}

const contestant = (ready) => ({ info: {}, run: () => {}, ready });

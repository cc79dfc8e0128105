// transformers.js on the same files. In Node it takes the native onnxruntime; handing it the web one, as its source
// provides for (Symbol.for('onnxruntime')), makes it run as in a browser, on the wasm backend that it brings.
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { forwardContestant } from './forward.mjs';

async function ownOnnxruntimeWeb() {
  const package_ = createRequire(createRequire(import.meta.url).resolve('@huggingface/transformers'));
  return import(pathToFileURL(package_.resolve('onnxruntime-web').replace(/\.js$/, '.mjs')));
}

export async function load({ folder, dtype, threads }) {
  const ort = await ownOnnxruntimeWeb();
  globalThis[Symbol.for('onnxruntime')] = ort;
  const { AutoModel, Tensor, env } = await import('@huggingface/transformers');
  Object.assign(env, {
    localModelPath: `${dirname(folder)}/`,
    allowRemoteModels: false,
    useWasmCache: false,
  });
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = undefined; // not from a CDN: beside the module
  const model = await AutoModel.from_pretrained(basename(folder), {
    dtype: { fp32: 'fp32', int8: 'q8' }[dtype],
    device: 'auto', // of none that it knows of: the injected one has its own list
    session_options: { executionProviders: ['wasm'] },
  });
  const version = `${env.version}, onnxruntime-web ${ort.env.versions.web}`;
  return forwardContestant({ version, threads }, async ({ data, shape }) => {
    const { embedding } = await model({ pixel_values: new Tensor('float32', data, shape) });
    return embedding.data;
  });
}

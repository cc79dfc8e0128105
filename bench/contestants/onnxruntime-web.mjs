// onnxruntime-web's wasm backend on the exported files, with its best graph optimizations (the default).
import * as ort from 'onnxruntime-web';
import { forwardContestant, onnxFile } from './forward.mjs';

export async function load({ folder, dtype, threads }) {
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(onnxFile(folder, dtype), {
    executionProviders: ['wasm'],
  });
  return forwardContestant({ version: ort.env.versions.web, threads }, async ({ data, shape }) => {
    const { embedding } = await session.run({ pixel_values: new ort.Tensor('float32', data, shape) });
    return embedding.data;
  });
}

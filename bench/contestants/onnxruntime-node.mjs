// Native onnxruntime, from outside the browser's world.
import ort from 'onnxruntime-node';
import { forwardContestant, onnxFile } from './forward.mjs';

export async function load({ folder, dtype, threads }) {
  const session = await ort.InferenceSession.create(onnxFile(folder, dtype), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
  });
  return forwardContestant({ version: ort.env.versions.node, threads }, async ({ data, shape }) => {
    const { embedding } = await session.run({ pixel_values: new ort.Tensor('float32', data, shape) });
    return embedding.data;
  });
}

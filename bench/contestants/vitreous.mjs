// This library as built in dist/, through its own API.
import { forwardContestant, generatedImages } from './forward.mjs';

// Where relaxed SIMD is to be left out, the engine is made to look like one without it: the library's feature
// detection must find the rest.
const RELAXED_MADD = [253, 133, 2];

function hideRelaxedSimd() {
  const { validate } = WebAssembly;
  const has = (bytes) => bytes.some((_, i) => RELAXED_MADD.every((byte, j) => bytes[i + j] === byte));
  WebAssembly.validate = (source) => !has(new Uint8Array(source)) && validate(source);
}

export async function load({ model: name, folder, dtype, threads, relaxed = true, imgSize }) {
  if (!relaxed) hideRelaxedSimd();
  const { createModel } = await import('../../dist/node.mjs');
  const weights = folder && `${folder}/model.safetensors`;
  const model = await createModel(name, { weights, dtype, threads, imgSize, numClasses: 0 });
  const { dataConfig, info } = model;
  for (const [what, wanted] of Object.entries({ dtype, threads })) {
    if (info[what] !== wanted) throw new Error(`asked for ${what} ${wanted}, it took ${info[what]}`);
  }
  const size = dataConfig.inputSize[1];
  const tokens = { data: generatedImages(1, size), shape: [1, 3, size, size] };
  return forwardContestant(
    { variant: info.variant, threads, engineBytes: await model.memoryBytes() },
    async (images) => (await model.forward(images)).data,
    // Everything up to the final norm of every token, which an embedding does not need.
    {
      size,
      runAllTokens: () => model.forwardFeatures(tokens),
      /** Milliseconds of each stage of an embedding. */
      async stages() {
        await model.forward(tokens);
        return model.profile();
      },
    },
  );
}

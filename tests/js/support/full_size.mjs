// A process of its own that streams a generated DINO model through the public API. Prints JSON; see full_size.test.mjs.
//   node full_size.mjs MODEL DIM PATCH     `packaged` for the small model, as the measure of what Node itself takes
import { createModel } from '../../../dist/node.mjs';
import { generatedSafetensors, vitTensors } from './generated.mjs';
import { blockDiff, generatedInput } from './golden.mjs';

const [name, dim, patch] = process.argv.slice(2);
const tensors = dim && vitTensors({ dim: Number(dim), depth: 12, patch: Number(patch) });
const progress = [];
const model = await createModel(name, {
  threads: 1,
  ...(tensors && { weights: generatedSafetensors(tensors) }),
  onProgress: ({ loaded, total }) => progress.push([loaded, total ?? null]),
});
const input = generatedInput();
const { data, shape } = await model.forward(input);
const result = { variant: model.info.variant, info: model.info, shape, forward: Array.from(data), progress };
result.memoryBytes = await model.memoryBytes();
result.maxRss = process.resourceUsage().maxRSS * 1024;

// Not part of the peak: results of all layers.
if (tensors && name === 'vit_base_patch16_224.dino') {
  const all = await model.forwardIntermediates(input, { outputFmt: 'NLC', returnPrefixTokens: true });
  result.features = Array.from(all.features.data);
  result.blocks = all.intermediates.map((patches, i) =>
    blockDiff(name, i, Float32Array.from([...all.prefixTokens[i].data, ...patches.data])),
  );
  result.attention = [];
  for (let layer = 0; layer < 12; layer++) {
    const { data: maps } = await model.attention(input, { layer });
    result.attention.push(...maps);
  }
} else if (tensors) {
  result.attention = Array.from((await model.attention(input)).data);
}
process.stdout.write(JSON.stringify(result));

// The variant that this process runs, and what it computes. Prints JSON; see variants.test.mjs.
import { createModel } from '../../../dist/node.mjs';
import { fixture, generatedInput } from './golden.mjs';

const model = await createModel('vit_nano_patch16_224', { threads: 1 });
const { data: forward } = await model.forward(generatedInput(2));
const { data: features } = await model.forwardFeatures(generatedInput());
const embedding = await model.embed(fixture('boats_rgb_320x200.png'));
const list = (array) => Array.from(array);
process.stdout.write(
  JSON.stringify({
    variant: model.info.variant,
    forward: list(forward),
    features: list(features),
    embedding: list(embedding),
  }),
);

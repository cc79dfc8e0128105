// Every model that has a name here, in fp32 and in int8, at three sizes: every output is timm's. docs/parity.md has what
// the last full run found; MODELS=dinov2 runs only the models with that in their names. A usual run spares itself what
// takes minutes: of a base model with 785 or 1,370 tokens it computes `forward` alone.
import { deepEqual, ok } from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createModel, listModels } from 'vitreous';
import { generate, generatedSafetensors } from '../js/support/generated.mjs';
import { compare, goldensOf, outputGoldens, settings, tensorsOf } from './golden.mjs';
import { tableOf, writeTable } from './table.mjs';

const DIFFERENCE = 1e-4; // of fp32
const COSINE = 0.9995; // of int8
const PACKAGED = 'vit_nano_patch16_224';
const REGISTERS = 'vit_small_patch14_reg4_dinov2.lvd142m';

const isFull = Boolean(process.env.VITREOUS_TEST_FULL);
const models = listModels().filter(({ name }) => name.includes(process.env.MODELS ?? ''));
const results = []; // { name, all, size, dtype, difference, cosine }: the worst over all outputs, or forward's

function create(model, options) {
  const weights = model.name === PACKAGED ? undefined : generatedSafetensors(tensorsOf(model));
  return createModel(model.name, { weights, ...options });
}

function imageOf(size) {
  const shape = [3, ...size.split('x').map(Number)];
  return { data: generate('input', shape), shape: [1, ...shape] };
}

const forwardOnly = async (model, image) => [[`forward_${model.numClasses}`, await model.forward(image)]];

/** Every output of the model as [name of its golden, tensor]. */
async function everyOutput(model, image) {
  const head = `forward_${model.numClasses}`;
  const features = await model.forwardFeatures(image);
  const outputs = [
    ['features', features],
    [head, await model.forward(image)],
    [head, await model.forwardHead(features)],
    ['pre_logits', await model.forwardHead(features, { preLogits: true })],
    ['attention.0', await model.attention(image, { layer: 0 })],
    ['attention.-1', await model.attention(image)],
  ];
  for (const [name, options] of Object.entries(settings)) {
    const { features, intermediates, prefixTokens = [] } = await model.forwardIntermediates(image, options);
    if (!options.intermediatesOnly) outputs.push(['features', features]);
    for (const [i, patches] of intermediates.entries()) outputs.push([`${name}.${i}`, patches]);
    for (const [i, prefix] of prefixTokens.entries()) outputs.push([`${name}.${i}.prefix`, prefix]);
  }
  return outputs;
}

/** Checks what `outputsOf` gives at a size; returns the worst difference and cosine. */
async function check(model, size, outputsOf) {
  const { backbone } = goldensOf(model.config.name);
  const goldens = outputGoldens(backbone, size);
  const outputs = await outputsOf(model, imageOf(size));
  if (outputsOf === everyOutput) {
    const own = [...goldens.keys()].filter(
      (key) => !key.startsWith('forward_') || key.endsWith(`_${model.numClasses}`),
    );
    deepEqual(new Set(outputs.map(([key]) => key)), new Set(own));
  }
  const found = outputs.map(([key, tensor]) => ({ key, ...compare(tensor, goldens.get(key)) }));
  const off = found.filter((comparison) => !within[model.info.dtype](comparison));
  ok(off.length === 0, `not timm's: ${JSON.stringify(off)}`);
  return {
    difference: Math.max(...found.map(({ difference }) => difference)),
    cosine: Math.min(...found.map(({ cosine }) => cosine)),
  };
}

const within = {
  fp32: ({ difference }) => difference <= DIFFERENCE,
  int8: ({ cosine }) => cosine >= COSINE,
};

const done = new Set();
for (const model of models) {
  const { name } = model;
  const { backbone, sizes } = goldensOf(name);
  // Another model of a backbone has the same generated weights, up to the classifier.
  const all = !done.has(backbone);
  const outputsAt = (size) => {
    const slow = !isFull && model.config.dim >= 768 && size === sizes[0] && model.config.patchSize < 16;
    return all && !slow ? everyOutput : forwardOnly;
  };
  done.add(backbone);
  describe(name, () => {
    for (const dtype of ['fp32', 'int8']) {
      test(dtype, async (t) => {
        const created = await create(model, { dtype, dynamicImgSize: true });
        t.after(() => created.dispose());
        for (const size of sizes) {
          await t.test(size, async () => {
            results.push({
              name,
              all,
              size,
              dtype,
              ...(await check(created, size, outputsAt(size))),
            });
          });
        }
      });
    }
  });
}

// The tests above resample the position embeddings per call, this one does when the model is created.
for (const model of models.filter(({ name }) => [PACKAGED, REGISTERS].includes(name))) {
  const [, ...others] = goldensOf(model.name).sizes;
  for (const size of others) {
    test(`${model.name} created with imgSize ${size}`, async (t) => {
      const created = await create(model, { imgSize: size.split('x').map(Number) });
      t.after(() => created.dispose());
      await check(created, size, everyOutput);
    });
  }
}

after(() => {
  const table = tableOf(results);
  console.log(table);
  if (isFull && results.length === 6 * listModels().length) writeTable(table);
});

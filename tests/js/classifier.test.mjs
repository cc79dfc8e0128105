// timm's get_classifier, reset_classifier and global_pool from JavaScript; their numbers are compared with timm's in
// tests/cpp/family_test.cc, here with what follows from the public API.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { generate } from './support/generated.mjs';
import { fixture, generatedInput, maxDiff } from './support/golden.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const PHOTO = fixture('boats_rgb_320x200.png');
const DIM = 256;
const TOKENS = 197;
const input = generatedInput();

const classifier = (classes) => ({
  weight: { data: generate('head.weight', [classes, DIM]), shape: [classes, DIM] },
  bias: { data: generate('head.bias', [classes]), shape: [classes] },
});

/** What the classifier gives for rows of features. */
function linear(features, { weight, bias }) {
  const rows = features.length / DIM;
  const out = new Float32Array(rows * bias.data.length);
  for (let row = 0; row < rows; row++) {
    bias.data.forEach((start, i) => {
      let sum = start;
      for (let d = 0; d < DIM; d++) sum += weight.data[i * DIM + d] * features[row * DIM + d];
      out[row * bias.data.length + i] = sum;
    });
  }
  return out;
}

function meanOfPatches(tokens) {
  const mean = new Float32Array(DIM);
  for (let n = 1; n < TOKENS; n++)
    for (let d = 0; d < DIM; d++) mean[d] += tokens[n * DIM + d] / (TOKENS - 1);
  return mean;
}

let model;
beforeAll(async () => {
  model = await createModel(NANO);
});
afterAll(() => model.dispose());

test('getClassifier gives the layer that forward runs', async () => {
  const plain = await createModel(NANO, { numClasses: 0 });
  expect(await plain.getClassifier()).toBeUndefined();
  const own = await model.getClassifier();
  expect([own.weight.shape, own.bias.shape]).toEqual([[1000, DIM], [1000]]);
  const features = await model.forwardHead(await model.forwardFeatures(input), { preLogits: true });
  const logits = await model.forward(input);
  expect(maxDiff(logits.data, linear(features.data, own))).toBeLessThanOrEqual(1e-3);
  plain.dispose();
});

describe('resetClassifier', () => {
  let fresh;
  let tokens;
  beforeAll(async () => {
    fresh = await createModel(NANO);
    tokens = (await fresh.forwardFeatures(input)).data;
  });
  afterAll(() => fresh.dispose());

  test('the pooling stays without another', async () => {
    const own = classifier(7);
    await fresh.resetClassifier(7, undefined, own);
    expect(fresh.config).toMatchObject({ numClasses: 7, globalPool: 'token', fcNorm: false });
    expect(fresh.numClasses).toBe(7);
    expect(await fresh.getClassifier()).toEqual(own);
    const { data, shape } = await fresh.forward(input);
    expect(shape).toEqual([1, 7]);
    expect(maxDiff(data, linear(tokens.slice(0, DIM), own))).toBeLessThanOrEqual(1e-4);
    expect(await fresh.forwardHead({ data: tokens, shape: [1, TOKENS, DIM] })).toEqual({ data, shape });
    const classes = await fresh.classify(PHOTO, { topk: 7 });
    expect(classes.map(({ label }) => label)).toEqual(Array(7).fill(undefined));
    expect(fresh.labels).toEqual([]);
    expect(fresh.info.parameters).toBe(model.info.parameters - 993 * (DIM + 1));
  });

  test('avg: the mean of the patches, over the norm that is there', async () => {
    const own = classifier(3);
    await fresh.resetClassifier(3, 'avg', own);
    expect(fresh.config).toMatchObject({ numClasses: 3, globalPool: 'avg', fcNorm: false });
    const mean = meanOfPatches(tokens);
    expect(maxDiff((await fresh.forward(input)).data, linear(mean, own))).toBeLessThanOrEqual(1e-4);
    expect(maxDiff(await fresh.embed(input), mean)).toBeLessThanOrEqual(1e-5);
    expect((await fresh.forwardFeatures(input)).data).toEqual(tokens);
  });

  test("'': every token", async () => {
    const own = classifier(2);
    await fresh.resetClassifier(2, '', own);
    const { data, shape } = await fresh.forward(input);
    expect(shape).toEqual([1, TOKENS, 2]);
    expect(maxDiff(data, linear(tokens, own))).toBeLessThanOrEqual(1e-4);
    const features = { data: tokens, shape: [1, TOKENS, DIM] };
    expect(await fresh.forwardHead(features)).toEqual({ data, shape });
    expect(await fresh.forwardHead(features, { preLogits: true })).toEqual(features);
    for (const call of [() => fresh.embed(PHOTO), () => fresh.classify(PHOTO)]) {
      await expect(call()).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining("'token'"),
      });
    }
    const nine = { data: new Float32Array(9 * input.data.length), shape: [9, 3, 224, 224] };
    expect((await fresh.forward(nine)).shape).toEqual([9, TOKENS, 2]);
  });

  test('0 removes it', async () => {
    await fresh.resetClassifier(0, 'token');
    expect(await fresh.getClassifier()).toBeUndefined();
    expect(await fresh.forward(input)).toEqual({ data: tokens.slice(0, DIM), shape: [1, DIM] });
    await expect(fresh.classify(PHOTO)).rejects.toMatchObject({ code: 'NO_HEAD' });
  });

  test('without values it is zeros', async () => {
    await fresh.resetClassifier(4);
    expect((await fresh.forward(input)).data).toEqual(new Float32Array(4));
    expect((await fresh.classify(PHOTO))[0].probability).toBe(0.25);
  });

  test('a bad call changes nothing', async () => {
    const { config } = fresh;
    const three = classifier(3);
    for (const bad of [
      [-1],
      [1.5],
      [3, 'max'],
      [4, 'token', three],
      [3, 'token', { ...three, bias: { data: new Float32Array(2), shape: [3] } }],
      [0, 'token', three],
    ]) {
      await expect(fresh.resetClassifier(...bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(fresh.config).toEqual(config);
    expect((await fresh.forward(input)).data).toEqual(new Float32Array(4));
  });
});

describe('createModel({ globalPool })', () => {
  test("'' leaves the tokens", async () => {
    const tokens = await createModel(NANO, { globalPool: '', numClasses: 0 });
    expect(await tokens.forward(input)).toEqual(await model.forwardFeatures(input));
    tokens.dispose();
  });

  test("'avg' wants the norm behind the pooling, as timm does", async () => {
    await expect(createModel(NANO, { globalPool: 'avg' })).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      message: expect.stringMatching(/fc_norm.*resetClassifier/s),
    });
  });

  test('nothing else', async () => {
    await expect(createModel(NANO, { globalPool: 'max' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

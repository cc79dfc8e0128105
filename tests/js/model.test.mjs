// The packaged model through the public API, against timm.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, createTransform } from '../../dist/node.mjs';
import { blockDiff, fixture, fixtures, generatedInput, maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const [TOKENS, DIM, DEPTH, HEADS] = [197, 256, 6, 4];

let model;
beforeAll(async () => {
  model = await createModel(NANO);
});
afterAll(() => model.dispose());

const golden = (name) => readGolden(`${NANO}/${name}.npy`);

function expectGolden(tensor, name, tolerance = 1e-4) {
  const { data, shape } = golden(name);
  expect(tensor.shape).toEqual(shape);
  expect(maxDiff(tensor.data, data)).toBeLessThanOrEqual(tolerance);
}

/** One image of `(batch, …)`. */
function row({ data, shape: [batch, ...shape] }, i) {
  const size = data.length / batch;
  return { data: data.slice(i * size, (i + 1) * size), shape };
}

describe('a preprocessed tensor', () => {
  const input = generatedInput();
  const both = generatedInput(2);

  test('forward', async () => {
    expectGolden(await model.forward(both), 'forward');
  });

  test('embed takes the first image of a tensor', async () => {
    const { data } = golden('forward_head_pre_logits');
    expect(maxDiff(await model.embed(input), data.subarray(0, DIM))).toBeLessThanOrEqual(1e-4);
  });

  test('forward without a classifier pools', async () => {
    const headless = await createModel(NANO, { numClasses: 0 });
    expectGolden(await headless.forward(both), 'forward_head_pre_logits');
    expect(headless.config.numClasses).toBe(0);
    headless.dispose();
  });

  test('forwardFeatures', async () => {
    expectGolden(row(await model.forwardFeatures(input), 0), 'forward_features');
  });

  test('forwardHead', async () => {
    const features = await model.forwardFeatures(both);
    expectGolden(await model.forwardHead(features), 'forward');
    expectGolden(await model.forwardHead(features, { preLogits: true }), 'forward_head_pre_logits');
  });

  test('attention of every layer', async () => {
    const { data } = golden('attention');
    for (let layer = 0; layer < DEPTH; layer++) {
      const maps = await model.attention(input, { layer });
      expect(maps.shape).toEqual([1, HEADS, 14, 14]);
      const size = maps.data.length;
      expect(maxDiff(maps.data, data.subarray(layer * size, (layer + 1) * size))).toBeLessThanOrEqual(1e-5);
    }
    const last = await model.attention(input);
    expect(maxDiff(last.data, data.subarray(-last.data.length))).toBeLessThanOrEqual(1e-5);
    expect(await model.attention(input, { layer: -DEPTH })).toEqual(
      await model.attention(input, { layer: 0 }),
    );
  });

  test('a tensor of one image needs no batch', async () => {
    const { data, shape } = input;
    expect(await model.forward({ data, shape: shape.slice(1) })).toEqual(await model.forward(input));
  });

  test('a batch of more than one group is what its images are', async () => {
    const data = new Float32Array(9 * input.data.length);
    for (let i = 0; i < 9; i++) data.set(row(both, i % 2).data, i * input.data.length);
    const progress = [];
    const onProgress = (p) => progress.push(p);
    const logits = await model.forward({ data, shape: [9, 3, 224, 224] }, { onProgress });
    expect(logits.shape).toEqual([9, 1000]);
    for (let i = 0; i < 9; i++) {
      const { data: expected } = row(golden('forward'), i % 2);
      expect(maxDiff(row(logits, i).data, expected)).toBeLessThanOrEqual(1e-4);
    }
    expect(progress).toEqual([
      { stage: 'images', loaded: 8, total: 9 },
      { stage: 'images', loaded: 9, total: 9 },
    ]);
  });

  test('results are the caller’s own', async () => {
    const first = await model.forwardFeatures(input);
    const kept = first.data.slice();
    await model.forwardFeatures(both);
    expect(first.data).toEqual(kept);
    first.data.fill(0);
    expect((await model.forwardFeatures(input)).data).toEqual(kept);
  });
});

describe('forwardIntermediates', () => {
  const input = generatedInput();
  const nlc = { outputFmt: 'NLC', returnPrefixTokens: true };

  /** CLS and patches as the block gave them. */
  function tokens(prefix, patches) {
    const all = new Float32Array(TOKENS * DIM);
    all.set(prefix.data);
    all.set(patches.data, DIM);
    return all;
  }

  test('every block’s output, and the features', async () => {
    const all = await model.forwardIntermediates(input, nlc);
    expect(all.intermediates.map(({ shape }) => shape)).toEqual(Array(DEPTH).fill([1, TOKENS - 1, DIM]));
    expect(all.prefixTokens.map(({ shape }) => shape)).toEqual(Array(DEPTH).fill([1, 1, DIM]));
    expectGolden(row(all.features, 0), 'forward_features');
    for (let block = 0; block < DEPTH; block++) {
      const diff = blockDiff(NANO, block, tokens(all.prefixTokens[block], all.intermediates[block]));
      expect(diff.values).toBeLessThanOrEqual(1e-4 + 2 ** -17); // the golden is rounded to 2^-16
      expect(diff.norms).toBeLessThanOrEqual(1e-4 * Math.sqrt(DIM));
    }
  });

  test('NCHW, the default, is NLC with the channels first', async () => {
    const maps = await model.forwardIntermediates(input, { indices: [2] });
    const rows = await model.forwardIntermediates(input, { indices: [2], outputFmt: 'NLC' });
    expect(maps.intermediates[0].shape).toEqual([1, DIM, 14, 14]);
    expect(maps).not.toHaveProperty('prefixTokens');
    const [{ data }] = rows.intermediates;
    const turned = maps.intermediates[0].data.map((_, i) => data[(i % 196) * DIM + Math.floor(i / 196)]);
    expect(maps.intermediates[0].data).toEqual(turned);
  });

  test('indices: numbers, negative ones, or how many of the last', async () => {
    const { intermediates: all } = await model.forwardIntermediates(input, nlc);
    const chosen = async (indices) =>
      (await model.forwardIntermediates(input, { ...nlc, indices })).intermediates;
    expect(await chosen([1, 4])).toEqual([all[1], all[4]]);
    expect(await chosen([-1, -6])).toEqual([all[0], all[5]]); // timm: in the order of the forward
    expect(await chosen([3, 3])).toEqual([all[3]]);
    expect(await chosen(2)).toEqual([all[4], all[5]]);
    expect(await chosen(DEPTH)).toEqual(all);
  });

  test.each([0, -1, DEPTH + 1, 1.5, [DEPTH], [-DEPTH - 1], [0.5]])(
    'there are no indices %p',
    async (indices) => {
      await expect(model.forwardIntermediates(input, { indices })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    },
  );

  test('norm gives the last block the look of the features', async () => {
    const { features, intermediates, prefixTokens } = await model.forwardIntermediates(input, {
      ...nlc,
      indices: 1,
      norm: true,
    });
    expect(maxDiff(tokens(prefixTokens[0], intermediates[0]), features.data)).toBeLessThanOrEqual(1e-6);
  });

  test('of a batch', async () => {
    const both = await model.forwardIntermediates(generatedInput(2), { ...nlc, indices: [0] });
    const one = await model.forwardIntermediates(input, { ...nlc, indices: [0] });
    expect(both.intermediates[0].shape).toEqual([2, TOKENS - 1, DIM]);
    expect(maxDiff(row(both.intermediates[0], 0).data, one.intermediates[0].data)).toBeLessThanOrEqual(1e-5);
  });
});

describe('image files', () => {
  test.each(fixtures())('$file: timm’s embedding and classes', async ({ file, embedding, top5 }) => {
    expect(maxDiff(await model.embed(fixture(file)), embedding)).toBeLessThanOrEqual(2e-4);
    const classes = await model.classify(fixture(file));
    expect(classes.map(({ index, label }) => [index, label])).toEqual(
      top5.map(({ index, label }) => [index, label]),
    );
    for (const [i, { probability }] of top5.entries()) {
      expect(classes[i].probability).toBeCloseTo(probability, 5);
    }
  });

  test('an array of images gives an array of results', async () => {
    const files = fixtures().map(({ file }) => fixture(file));
    const embeddings = await model.embed(files);
    expect(embeddings).toHaveLength(files.length);
    for (const [i, file] of files.entries()) {
      expect(maxDiff(embeddings[i], await model.embed(file))).toBeLessThanOrEqual(1e-5);
    }
    const classes = await model.classify(files.slice(0, 2), { topk: 3 });
    expect(classes.map((list) => list.length)).toEqual([3, 3]);
    expect(classes[1]).toEqual(await model.classify(files[1], { topk: 3 }));
  });

  test('normalize gives length 1', async () => {
    const file = fixture('boats_rgb_320x200.png');
    const [plain, unit] = [await model.embed(file), await model.embed(file, { normalize: true })];
    const length = Math.hypot(...plain);
    expect(Math.hypot(...unit)).toBeCloseTo(1, 6);
    expect(
      maxDiff(
        unit,
        plain.map((x) => x / length),
      ),
    ).toBeLessThanOrEqual(1e-6);
  });
});

describe('createTransform', () => {
  test('gives what the model sees', async () => {
    const transform = createTransform(model.dataConfig);
    const file = fixture('acanthus_rgb_300x401.png');
    const one = await transform(file);
    expect(one.shape).toEqual([3, 224, 224]);
    expect(await model.forward(one)).toEqual(await model.forward(file));
    const two = await transform([file, fixture('airplane_grey_320x200.png')]);
    expect(two.shape).toEqual([2, 3, 224, 224]);
    expect(row(two, 0)).toEqual(one);
    transform.dispose();
    await expect(transform(file)).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

test('what the model says about itself', () => {
  expect(model.config).toMatchObject({ name: NANO, patchSize: 16, dim: DIM, depth: DEPTH, heads: HEADS });
  expect(model.dataConfig).toEqual({
    inputSize: [3, 224, 224],
    interpolation: 'bicubic',
    cropPct: 0.9,
    cropMode: 'center',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  });
  // tests/goldens/vit_nano_patch16_224/meta.json
  expect(model.info).toMatchObject({
    tensors: 80,
    parameters: 5243624,
    worker: false,
  });
  expect(model.labels).toHaveLength(1000);
});

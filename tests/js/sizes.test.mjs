// Images of any size, call by call: from one patch to 1024 × 1024 as timm, and what cannot be is said.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { generate } from './support/generated.mjs';
import { maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';

jest.setTimeout(180_000);

const NANO = 'vit_nano_patch16_224';
const PHOTO = new URL('../fixtures/boats_rgb_320x200.png', import.meta.url);

function input(height, width) {
  return { data: generate('input', [3, height, width]), shape: [1, 3, height, width] };
}

function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb);
}

describe.each(['fp32', 'int8'])('%s', (dtype) => {
  let model;
  beforeAll(async () => {
    model = await createModel(NANO, { dtype, dynamicImgSize: true });
  });
  afterAll(() => model.dispose());

  test.each([
    [16, 16],
    [16, 1024],
    [1024, 1024],
  ])('%i × %i', async (height, width) => {
    const features = await model.forwardFeatures(input(height, width));
    expect(features.shape).toEqual([1, 1 + (height / 16) * (width / 16), 256]);
    const { data } = await model.forwardHead(features, { preLogits: true });
    const { data: golden } = readGolden(`outputs/nano_${height}x${width}.npy`);
    if (dtype === 'fp32') {
      expect(maxDiff(data, golden)).toBeLessThan(1e-4);
    } else {
      expect(cosine(data, golden)).toBeGreaterThan(0.9995);
    }
  });
});

describe('sizes', () => {
  let model;
  beforeAll(async () => {
    model = await createModel(NANO, { dynamicImgSize: true });
  });
  afterAll(() => model.dispose());

  test('of photos are chosen call by call, and shapes follow', async () => {
    const imgSize = [320, 480];
    const one = await model.attention(PHOTO, { imgSize });
    expect(one.shape).toEqual([1, 4, 20, 30]);
    expect((await model.attention(PHOTO, { imgSize: 32, full: true })).shape).toEqual([1, 4, 5, 5]);
    expect((await model.qkv(PHOTO, { imgSize: [16, 32] })).shape).toEqual([1, 4, 3, 64]);
    expect((await model.attentionRollout(PHOTO, { imgSize: [16, 32] })).shape).toEqual([1, 1, 2]);
    const { features, intermediates, prefixTokens } = await model.forwardIntermediates(PHOTO, {
      imgSize,
      indices: [1, -1],
      returnPrefixTokens: true,
    });
    expect(features.shape).toEqual([1, 601, 256]);
    expect(intermediates.map(({ shape }) => shape)).toEqual([
      [1, 256, 20, 30],
      [1, 256, 20, 30],
    ]);
    expect(prefixTokens.map(({ shape }) => shape)).toEqual([
      [1, 1, 256],
      [1, 1, 256],
    ]);
    // DINO's own way to the last blocks: all tokens, CLS first, normed.
    const { intermediates: dino } = await model.getIntermediateLayers(PHOTO, { imgSize, n: 2, dino: true });
    expect(dino.map(({ shape }) => shape)).toEqual([
      [1, 601, 256],
      [1, 601, 256],
    ]);
    expect(dino[1].data).toEqual(features.data);
    // The model's own size as ever, after all of these.
    const fixed = await createModel(NANO);
    expect(await model.embed(PHOTO)).toEqual(await fixed.embed(PHOTO));
    fixed.dispose();
  });

  test.each([
    [0, 'INVALID_ARGUMENT', /not 0/],
    [-16, 'INVALID_ARGUMENT', /not -16/],
    [Number.NaN, 'INVALID_ARGUMENT', /imgSize is a number/],
    [[224], 'INVALID_ARGUMENT', /\[height, width\]/],
    [100, 'INVALID_ARGUMENT', /instead of 100 take 96 or 112/],
    [[224, 8], 'INVALID_ARGUMENT', /instead of 8 take 16/],
    [16384, 'INVALID_ARGUMENT', /8192/],
  ])('%j is refused', async (imgSize, code, message) => {
    await expect(model.embed(PHOTO, { imgSize })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect((await model.embed(PHOTO)).length).toBe(256);
  });

  test('a tensor has its size already', async () => {
    await expect(model.forward(input(32, 32), { imgSize: 32 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/a tensor has its size/),
    });
    await expect(model.forward(input(32, 40))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('what memory does not suffice for is said at once, with what it would suffice for', async () => {
    await expect(model.attention(input(2048, 2048), { full: true })).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/2048 × 2048.* MB are left: up to (\d+) × \1/),
    });
    expect((await model.embed(PHOTO)).length).toBe(256);
  });

  test('a model that was not created for it says how', async () => {
    const fixed = await createModel(NANO);
    await expect(fixed.embed(PHOTO, { imgSize: 448 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/dynamicImgSize: true/),
    });
    await expect(fixed.forward(input(448, 448))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    fixed.dispose();
  });
});

// Recipes on patches and descriptors through the package, against NumPy, PyTorch and scikit-learn.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, createTransform } from '../../dist/node.mjs';
import {
  attentionMask,
  copyDescriptor,
  correspond,
  LabelPropagation,
  PcaWhitening,
  pcaImages,
  thresholdAttention,
  toImagePixels,
  upsampleMasks,
} from '../../dist/node-recipes.mjs';
import { fixture, generatedInput, maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';
import { clusters, generated, golden } from './support/recipes.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const BOATS = fixture('boats_rgb_320x200.png');
const AIRPLANE = fixture('airplane_grey_320x200.png');

let model;
beforeAll(async () => {
  model = await createModel(NANO);
});
afterAll(() => model.dispose());

const rejection = (code) => expect.objectContaining({ code });
const invalid = (promise) => expect(promise).rejects.toThrow(rejection('INVALID_ARGUMENT'));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('copyDescriptor', () => {
  test('CLS and the generalised mean of the patches, of length 1', async () => {
    const { data, shape } = golden('copy_descriptor');
    const descriptors = await copyDescriptor(model, generatedInput(2));
    expect(descriptors.map(({ length }) => length)).toEqual([shape[1], shape[1]]);
    expect(maxDiff(Float32Array.from(descriptors.flatMap((d) => [...d])), data)).toBeLessThanOrEqual(1e-5);
  });

  test('of several images, whitened', async () => {
    const photos = Array.from({ length: 10 }, (_, i) => (i % 2 ? BOATS : AIRPLANE)); // more than one group
    const progress = [];
    const raw = await copyDescriptor(model, photos, {
      normalize: false,
      onProgress: (p) => progress.push(p),
    });
    expect(progress.at(-1)).toEqual({ stage: 'images', loaded: 10, total: 10 });
    expect(maxDiff(raw[0].subarray(0, 256), await model.embed(AIRPLANE))).toBeLessThanOrEqual(1e-5);
    expect(raw[9]).toEqual(raw[1]);
    const whitening = await PcaWhitening.fit(model, raw, { dim: 2 });
    const [airplane, boats] = await copyDescriptor(model, [AIRPLANE, BOATS], { whitening });
    const plain = await copyDescriptor(model, [AIRPLANE, BOATS]);
    expect(airplane).toHaveLength(2);
    expect(dot(airplane, airplane)).toBeCloseTo(1, 5);
    expect(dot(airplane, boats)).toBeLessThan(dot(...plain) - 0.5);
  });

  test('what cannot be', async () => {
    await invalid(copyDescriptor(model, []));
    await invalid(copyDescriptor(model, BOATS, { p: 0 }));
    const whitening = await PcaWhitening.fit(model, [Float32Array.of(1, 2), Float32Array.of(3, 1)]);
    await invalid(copyDescriptor(model, BOATS, { whitening }));
    await expect(copyDescriptor(model, BOATS, { signal: AbortSignal.abort() })).rejects.toThrow(
      rejection('ABORTED'),
    );
  });
});

describe('PcaWhitening', () => {
  const first = ({ data, shape: [, dim] }) => ({ data: data.slice(0, 20 * dim), shape: [20, dim] });

  test.each([
    ['whitened', false, 1],
    ['whitened_centered', true, 1],
    ['whitened_graded', false, 0.5],
  ])('%s is the original’s in NumPy', async (name, centered, step) => {
    const { features } = clusters('whitening', 120, 32, 4, 0.5);
    features.data.forEach((value, i) => {
      features.data[i] = value * step ** (i % 32);
    });
    const whitening = await PcaWhitening.fit(model, features, { dim: 16, centered });
    const { data, shape } = await whitening.apply(first(features));
    expect(shape).toEqual([20, 16]);
    expect(maxDiff(data, golden(name).data)).toBeLessThanOrEqual(1e-5);
  });

  test.each([
    ['copies_whitened', 0.01],
    ['copies_unshrunk', 0],
  ])('%s is SciPy’s generalised eigenproblem', async (name, shrinkage) => {
    const { features } = clusters('whitening', 120, 32, 4, 0.5);
    const copies = clusters('edits', 360, 32, 3, 0.25).features;
    copies.data.forEach((change, i) => {
      copies.data[i] = change + features.data[i % features.data.length];
    });
    const whitening = await PcaWhitening.fitCopies(model, features, copies, { dim: 16, shrinkage });
    const { data, shape } = await whitening.apply(first(features));
    expect(shape).toEqual([20, 16]);
    expect(maxDiff(data, golden(name).data)).toBeLessThanOrEqual(1e-5);
  });

  test('of images: what their copies change counts for less', async () => {
    const photos = await copyDescriptor(model, [AIRPLANE, BOATS], { normalize: false });
    const whitening = await PcaWhitening.fitCopies(model, [AIRPLANE, BOATS], [BOATS, AIRPLANE]);
    expect(whitening.mean.data).toHaveLength(256); // embedded, as in fit
    expect(whitening.dim).toBe(256);
    await invalid(PcaWhitening.fitCopies(model, photos, [BOATS, AIRPLANE])); // embeddings are shorter

    const around = [1, -1].flatMap((x) => [1, -1].map((y) => Float32Array.of(x, y)));
    const moved = around.map(([x, y]) => Float32Array.of(x + 0.5 * y, y));
    const { axes } = await PcaWhitening.fitCopies(model, around, moved, { dim: 1 });
    expect(Math.abs(axes.data[1])).toBeGreaterThan(5 * Math.abs(axes.data[0]));
  });

  test('saved and loaded it gives the same', async () => {
    const { features } = clusters('whitening', 120, 32, 4, 0.5);
    const whitening = await PcaWhitening.fit(model, features);
    expect(whitening.dim).toBe(32); // 256 at most
    const loaded = PcaWhitening.load(model, whitening.save());
    expect(await loaded.apply(first(features))).toEqual(await whitening.apply(first(features)));
    const damaged = whitening.save().subarray(0, -4);
    expect(() => PcaWhitening.load(model, damaged)).toThrow(rejection('CHECKPOINT_TRUNCATED'));
  });

  test('what cannot be', async () => {
    const { features } = clusters('whitening', 120, 32, 4, 0.5);
    for (const options of [{ dim: 0 }, { dim: 2.5 }, { power: -1 }]) {
      await invalid(PcaWhitening.fit(model, features, options));
    }
    const copies = first(features); // of 120 photos
    await invalid(PcaWhitening.fitCopies(model, features, copies));
    await invalid(PcaWhitening.fitCopies(model, features, [new Float32Array(3)]));
    for (const options of [{ dim: 0 }, { shrinkage: -0.1 }, { shrinkage: 1.1 }])
      await invalid(PcaWhitening.fitCopies(model, copies, copies, options));
    await invalid(PcaWhitening.fitCopies(model, copies, copies)); // nothing was edited
    await invalid(PcaWhitening.fit(model, [new Float32Array(3)]));
    await invalid(PcaWhitening.fit(model, [new Float32Array(3), new Float32Array(3)]));
    const whitening = await PcaWhitening.fit(model, features);
    await invalid(whitening.apply([new Float32Array(31)]));
  });

  test('1536 dimensions', async () => {
    const { features } = clusters('large', 200, 1536, 4, 0.5);
    const start = performance.now();
    const whitening = await PcaWhitening.fit(model, features);
    expect((performance.now() - start) / 1000).toBeLessThan(60); // a few seconds alone
    expect(whitening.axes.shape).toEqual([256, 1536]);
  });
});

describe('attention masks', () => {
  test('keep the patches that DINO’s script keeps', async () => {
    const { data, shape } = readGolden(`${NANO}/attention.npy`);
    const size = data.length / shape[0];
    const last = { data: data.slice(-size), shape: [shape[1], 14, 14] };
    const masks = await thresholdAttention(model, last);
    expect(masks.shape).toEqual([shape[1], 14, 14]);
    expect(Uint16Array.from(masks.data)).toEqual(golden('attention_masks').data);
  });

  test('of an image, of a layer, of a head', async () => {
    const all = await attentionMask(model, BOATS, { layer: 2, threshold: 0.4 });
    expect(all).toEqual({
      ...(await thresholdAttention(model, await model.attention(BOATS, { layer: 2 }), 0.4)),
      shape: [4, 14, 14],
    });
    const one = await attentionMask(model, BOATS, { layer: 2, threshold: 0.4, head: 3 });
    expect(one).toEqual({ data: all.data.slice(3 * 196), shape: [1, 14, 14] });
    const kept = ({ data }) => data.reduce((sum, value) => sum + value, 0);
    expect(kept(await attentionMask(model, BOATS, { threshold: 1 }))).toBe(4 * 196);
    expect(kept(all)).toBeLessThan(kept(await attentionMask(model, BOATS, { layer: 2, threshold: 0.8 })));
  });

  test('at the size of a picture', async () => {
    const masks = { data: Uint8Array.of(1, 0, 0, 1), shape: [1, 2, 2] };
    const large = await upsampleMasks(model, masks, { height: 4, width: 6 });
    expect(large.shape).toEqual([1, 4, 6]);
    expect([...large.data].join('')).toBe('111000111000000111000111');
  });

  test('what cannot be', async () => {
    for (const options of [{ threshold: 0 }, { threshold: 1.1 }, { head: 4 }, { head: -1 }, { layer: 6 }]) {
      await invalid(attentionMask(model, BOATS, options));
    }
    await invalid(thresholdAttention(model, { data: new Float32Array(4), shape: [2, 3] }));
    await invalid(thresholdAttention(model, { data: new Float32Array(4).fill(-1), shape: [2, 2] }));
    await invalid(upsampleMasks(model, { data: new Uint8Array(4), shape: [2, 2] }, { height: 0, width: 1 }));
    await invalid(upsampleMasks(model, { data: new Uint8Array(3), shape: [2, 2] }, { height: 1, width: 1 }));
  });
});

describe('pcaImages', () => {
  const { features } = clusters('tokens', 98, 24, 3, 1);
  const tokens = { data: features.data, shape: [2, 7, 7, 24] };

  test('is scikit-learn’s PCA over all images', async () => {
    const pca = await pcaImages(model, tokens);
    expect(pca.components.shape).toEqual([2, 7, 7, 3]);
    expect(maxDiff(pca.components.data, golden('pca_components').data)).toBeLessThanOrEqual(1e-5);
    const variance = [...pca.explainedVariance, ...pca.explainedVarianceRatio];
    expect(maxDiff(variance, golden('pca_variance').data)).toBeLessThanOrEqual(1e-5);
    expect(pca.rgb.shape).toEqual([2, 7, 7, 3]);
    expect(pca.rgb.data).toBeInstanceOf(Uint8ClampedArray);
    expect(maxDiff(pca.rgb.data, golden('pca_rgb').data)).toBeLessThanOrEqual(1);
    expect(pca.foreground).toEqual({ data: new Uint8Array(98).fill(1), shape: [2, 7, 7] });
  });

  test('of the foreground alone', async () => {
    const pca = await pcaImages(model, tokens, { foreground: { threshold: 0.4 } });
    expect(maxDiff(pca.components.data, golden('pca_foreground').data)).toBeLessThanOrEqual(1e-5);
    const other = await pcaImages(model, tokens, { foreground: { threshold: 0.4, side: 'below' } });
    expect(other.foreground.data).toEqual(pca.foreground.data.map((value) => 1 - value));
    const half = await pcaImages(model, tokens, { foreground: true });
    expect(half).toEqual(await pcaImages(model, tokens, { foreground: { threshold: 0.5, side: 'above' } }));
  });

  test('of images', async () => {
    const { data, shape } = await model.forwardFeatures([BOATS, AIRPLANE]);
    const size = 196 * 256;
    const patches = new Float32Array(2 * size);
    for (let i = 0; i < 2; i++)
      patches.set(data.subarray((i * 197 + 1) * 256, (i + 1) * 197 * 256), i * size);
    expect(shape).toEqual([2, 197, 256]);
    const given = { data: patches, shape: [2, 14, 14, 256] };
    expect(await pcaImages(model, [BOATS, AIRPLANE])).toEqual(await pcaImages(model, given));
    expect((await pcaImages(model, BOATS, { components: 1 })).rgb.shape).toEqual([1, 14, 14, 1]);
  });

  test('what cannot be', async () => {
    await invalid(pcaImages(model, []));
    await invalid(pcaImages(model, tokens, { components: 0 }));
    await invalid(pcaImages(model, tokens, { components: 25 }));
    await invalid(pcaImages(model, tokens, { foreground: { threshold: 2 } }));
    await invalid(pcaImages(model, tokens, { foreground: { side: 'left' } }));
    await invalid(pcaImages(model, features));
  });
});

describe('correspond', () => {
  test('an image with itself: every patch finds itself', async () => {
    const pairs = await correspond(model, BOATS, BOATS);
    expect(pairs).toHaveLength(196);
    for (const { a, b, score } of pairs) {
      expect(a).toEqual(b);
      expect(score).toBeCloseTo(1, 5);
    }
  });

  test('best first; more without mutual, fewer with a score', async () => {
    const pairs = await correspond(model, BOATS, AIRPLANE);
    const scores = pairs.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((x, y) => y - x));
    const all = await correspond(model, BOATS, AIRPLANE, { mutual: false });
    expect(all).toHaveLength(196);
    for (const pair of pairs) expect(all).toContainEqual(pair);
    const [, , third] = pairs;
    expect(await correspond(model, BOATS, AIRPLANE, { minScore: third.score })).toEqual(pairs.slice(0, 3));
    expect(await correspond(model, BOATS, AIRPLANE, { layer: 2 })).not.toEqual(pairs);
    await invalid(correspond(model, BOATS, AIRPLANE, { minScore: 2 }));
    await invalid(correspond(model, BOATS, AIRPLANE, { layer: 6 }));
  });

  test('of keys, and of another size', async () => {
    const sized = await createModel('vit_nano_patch16_224', { dynamicImgSize: true });
    const imgSize = [64, 96];
    const pairs = await correspond(sized, BOATS, AIRPLANE, { features: 'keys', mutual: false, imgSize });
    const { data } = await sized.qkv([BOATS, AIRPLANE], { which: 'key', imgSize }); // (2, 4, 25, 64)
    const key = (image, patch) =>
      [0, 1, 2, 3].flatMap((head) => {
        const from = ((image * 4 + head) * 25 + 1 + patch) * 64;
        return Array.from(data.subarray(from, from + 64));
      });
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = (x, y) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
    expect(pairs).toHaveLength(24);
    for (const { a, b, score } of pairs) {
      const patch = Math.floor(a.y * 4) * 6 + Math.floor(a.x * 6);
      const scores = Array.from({ length: 24 }, (_, other) => cosine(key(0, patch), key(1, other)));
      expect(score).toBeCloseTo(Math.max(...scores), 5);
      expect(scores[Math.floor(b.y * 4) * 6 + Math.floor(b.x * 6)]).toBeCloseTo(score, 5);
    }
    const maps = await pcaImages(sized, [BOATS], { imgSize });
    expect(maps.rgb.shape).toEqual([1, 4, 6, 3]);
    expect(await copyDescriptor(sized, BOATS, { imgSize })).toHaveLength(512);
    sized.dispose();
    await invalid(correspond(model, BOATS, AIRPLANE, { features: 'queries' }));
  });

  test('places in the pixels of the image', async () => {
    // A photo of 320 × 200 is resized to 396.8 → 396 × 248 and the middle 224 × 224 is cut out (crop_pct 0.9).
    const { cropPct } = model.dataConfig;
    const shorter = Math.floor(224 / cropPct);
    const longer = Math.trunc((shorter * 320) / 200);
    const size = { width: 320, height: 200 };
    const [corner, end] = await toImagePixels(
      model,
      [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
      size,
    );
    expect(corner.x).toBeCloseTo((Math.round((longer - 224) / 2) * 320) / longer, 5);
    expect(corner.y).toBeCloseTo((Math.round((shorter - 224) / 2) * 200) / shorter, 5);
    expect(end.x - corner.x).toBeCloseTo((224 * 320) / longer, 5);
    expect(end.y - corner.y).toBeCloseTo((224 * 200) / shorter, 5);
    await expect(toImagePixels(model, [], { width: 0, height: 1 })).rejects.toThrow(
      rejection('INVALID_IMAGE'),
    );
  });
});

describe('LabelPropagation', () => {
  const [HEIGHT, WIDTH, DIM] = [8, 10, 12];
  const frame = (t) => {
    const base = generated('video', HEIGHT * WIDTH, DIM);
    const noise = generated(`frame${t}`, HEIGHT * WIDTH, DIM);
    return { data: base.map((value, i) => value + 0.5 * noise[i]), shape: [HEIGHT, WIDTH, DIM] };
  };
  const mask = {
    data: Uint8Array.from({ length: HEIGHT * WIDTH }, (_, i) => {
      const [y, x] = [Math.floor(i / WIDTH), i % WIDTH];
      return y >= 1 && y < 4 && x >= 1 && x < 5 ? 1 : y === 5 || y === 6 ? 2 : 0;
    }),
    width: WIDTH,
    height: HEIGHT,
  };

  test('is DINO’s in PyTorch', async () => {
    const video = new LabelPropagation(model, { lastFrames: 2, neighborhood: 2, topk: 5 });
    await video.start(frame(0), mask);
    const { data, shape } = golden('propagated');
    const size = data.length / shape[0];
    for (let t = 1; t < 6; t++) {
      const { soft, labels } = await video.next(frame(t));
      expect(soft.shape).toEqual([3, HEIGHT, WIDTH]);
      expect(maxDiff(soft.data, data.subarray((t - 1) * size, t * size))).toBeLessThanOrEqual(1e-5);
      const { length } = labels.data;
      for (const [i, label] of labels.data.entries()) {
        expect(soft.data[label * length + i]).toBe(
          Math.max(...[0, 1, 2].map((c) => soft.data[c * length + i])),
        );
      }
    }
    video.dispose();
    await invalid(video.next(frame(1)));
  });

  test('images: what does not move keeps its label', async () => {
    const video = new LabelPropagation(model);
    const left = {
      data: Uint8Array.from({ length: 320 * 200 }, (_, i) => (i % 320 < 160 ? 1 : 0)),
      width: 320,
      height: 200,
    };
    await video.start(BOATS, left);
    const result = await video.next(BOATS);
    expect(result.labels.shape).toEqual([14, 14]);
    const { data, shape } = await video.segment(result, { height: 56, width: 28 });
    expect(shape).toEqual([56, 28]);
    const wrong = data.filter((label, i) => label !== (i % 28 < 14 ? 1 : 0)).length;
    expect(wrong / data.length).toBeLessThan(0.15);
    video.dispose();
  });

  test('what cannot be', async () => {
    for (const options of [{ topk: 0 }, { lastFrames: -1 }, { neighborhood: 1.5 }, { temperature: 0 }]) {
      expect(() => new LabelPropagation(model, options)).toThrow(rejection('INVALID_ARGUMENT'));
    }
    const video = new LabelPropagation(model);
    await invalid(video.next(frame(0)));
    await invalid(video.start(frame(0), { ...mask, width: 9 }));
    await invalid(video.start(frame(0), { data: [0], width: 1, height: 1 }));
    await invalid(video.start({ data: new Float32Array(4), shape: [4] }, mask));
    await video.start(frame(0), mask);
    await invalid(video.next({ data: new Float32Array(12), shape: [1, 1, 12] }));
    expect((await video.next(frame(1))).labels.shape).toEqual([HEIGHT, WIDTH]); // it goes on
    video.dispose();
  });
});

test('a transform shows what toImagePixels says', async () => {
  // One white pixel in a black photo: it is seen where the place says.
  const [width, height] = [70, 50];
  const data = new Uint8Array(width * height * 3);
  data.fill(255, (20 * width + 30) * 3, (20 * width + 30) * 3 + 3);
  const transform = createTransform(model.dataConfig);
  const { data: planes } = await transform({ data, width, height, channels: 3 });
  transform.dispose();
  const brightest = planes
    .subarray(0, 224 * 224)
    .reduce((best, value, i, all) => (value > all[best] ? i : best), 0);
  const place = { x: ((brightest % 224) + 0.5) / 224, y: (Math.floor(brightest / 224) + 0.5) / 224 };
  const [pixel] = await toImagePixels(model, [place], { width, height });
  expect(Math.abs(pixel.x - 30.5)).toBeLessThan(0.25);
  expect(Math.abs(pixel.y - 20.5)).toBeLessThan(0.25);
});

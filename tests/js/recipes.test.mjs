// k-NN and the linear probe through the package, against NumPy's and scikit-learn's.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import sharp from 'sharp';
import { createModel } from '../../dist/node.mjs';
import { KnnClassifier, LinearProbe, VitreousError } from '../../dist/node-recipes.mjs';
import { fixture, maxDiff } from './support/golden.mjs';
import { clusters, golden, goldenJson } from './support/recipes.mjs';

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
const row = ({ data, shape: [, dim] }, i) => data.slice(i * dim, (i + 1) * dim);

describe('KnnClassifier', () => {
  const bank = clusters('bank', 300, 64, 6, 0.25);
  const queries = clusters('queries', 40, 64, 6, 0.25);
  const NAMES = ['a', 'b', 'c', 'd', 'e', 5];
  const names = bank.labels.map((label) => NAMES[label]);

  async function filled(options) {
    const knn = new KnnClassifier(model, options);
    await knn.add(bank.features, names);
    return knn;
  }

  /** Scores of all queries in the order of NAMES. */
  const table = (predictions) =>
    predictions.flatMap((scores) => NAMES.map((name) => scores.find(({ label }) => label === name)?.score));

  test('scores are the formula’s in float64, to 1e-6', async () => {
    const knn = await filled();
    const predictions = await knn.predict(queries.features);
    const { data, shape } = golden('knn_scores');
    expect(predictions).toHaveLength(shape[0]);
    for (const [i, score] of table(predictions).entries()) {
      expect(Math.abs(score - data[i])).toBeLessThanOrEqual(1e-6 * data[i]);
    }
    for (const scores of predictions) {
      expect(scores).toEqual([...scores].sort((a, b) => b.score - a.score));
      expect(scores.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
    }
    expect(await knn.leaveOneOut()).toBe(goldenJson('values').leaveOneOut);
    knn.dispose();
  });

  test('one, several, or a tensor; all at once or one after the other', async () => {
    const knn = new KnnClassifier(model);
    for (let i = 0; i < 300; i += 100) {
      const part = Array.from({ length: 100 }, (_, j) => row(bank.features, i + j));
      await knn.add(part, names.slice(i, i + 100));
    }
    expect(knn.size).toBe(300);
    expect(knn.classes).toEqual(NAMES);
    const together = await (await filled()).predict(queries.features);
    expect(await knn.predict(row(queries.features, 3))).toEqual(together[3]);
    expect(await knn.predict([row(queries.features, 3), row(queries.features, 4)])).toEqual(
      together.slice(3, 5),
    );
  });

  test('a class is forgotten, and learnt again', async () => {
    const knn = await filled();
    const before = await knn.predict(queries.features);
    expect(await knn.remove('c')).toBe(50);
    expect(await knn.remove('c')).toBe(0);
    expect(await knn.remove('5')).toBe(0); // that is not 5
    expect(knn.size).toBe(250);
    expect(knn.classes).toEqual(['a', 'b', 'd', 'e', 5]);
    const without = await knn.predict(queries.features);
    for (const scores of without) expect(scores.map(({ label }) => label)).not.toContain('c');
    const again = bank.labels.flatMap((label, i) => (label === 2 ? [row(bank.features, i)] : []));
    await knn.add(again, Array(again.length).fill('c'));
    const after = table(await knn.predict(queries.features));
    for (const [i, score] of table(before).entries()) expect(after[i]).toBeCloseTo(score, 6);
  });

  test('saved and loaded it says the same', async () => {
    const knn = await filled({ k: 7, temperature: 0.1 });
    await knn.remove('a');
    const bytes = await knn.save();
    const loaded = await KnnClassifier.load(model, bytes);
    expect(loaded.size).toBe(250);
    expect(loaded.classes).toEqual(knn.classes);
    expect(await loaded.predict(queries.features)).toEqual(await knn.predict(queries.features));
    expect(await loaded.save()).toEqual(bytes);
  });

  test('images are embedded', async () => {
    const knn = new KnnClassifier(model);
    await knn.add(BOATS, 'boats');
    await knn.add([AIRPLANE], ['airplane']);
    const [best] = await knn.predict(BOATS);
    expect(best.label).toBe('boats');
    expect(best.score).toBeCloseTo(Math.exp(1 / 0.07), -1);
    expect(await knn.predict(await model.embed(BOATS))).toEqual(await knn.predict(BOATS));
  });

  test('what cannot be', async () => {
    for (const options of [{ k: 0 }, { k: 1.5 }, { temperature: 0 }, { temperature: Number.NaN }]) {
      expect(() => new KnnClassifier(model, options)).toThrow(rejection('INVALID_ARGUMENT'));
    }
    const knn = new KnnClassifier(model);
    const invalid = (promise) => expect(promise).rejects.toThrow(rejection('INVALID_ARGUMENT'));
    await invalid(knn.predict(row(queries.features, 0)));
    await invalid(knn.save());
    await invalid(knn.leaveOneOut());
    await invalid(knn.add([], []));
    await invalid(knn.add(bank.features, names.slice(1)));
    await invalid(knn.add([BOATS, AIRPLANE], ['one']));
    await invalid(knn.add(row(bank.features, 0), [undefined]));
    await invalid(knn.add(row(bank.features, 0), Number.NaN));
    await invalid(knn.add({ data: new Float32Array(6), shape: [2, 4] }, ['a', 'b']));
    await invalid(knn.add([new Float32Array(3), new Float32Array(4)], ['a', 'b']));
    await invalid(knn.add(new Float32Array(3).fill(Number.NaN), 'a'));
    expect(knn.size).toBe(0);
    await knn.add(row(bank.features, 0), 'a');
    await invalid(knn.add(new Float32Array(65), 'b'));
    await invalid(knn.predict(new Float32Array(65)));
    await invalid(knn.leaveOneOut());
    expect(knn.size).toBe(1);
    expect(knn.classes).toEqual(['a']);
    await expect(knn.add('nowhere.png', 'b')).rejects.toThrow(VitreousError);
    expect(knn.size).toBe(1);
  });

  test('damaged bytes are refused, whatever is wrong with them', async () => {
    const knn = new KnnClassifier(model);
    await knn.add(row(bank.features, 0), 'a');
    const bytes = await knn.save();
    const refuse = (damaged, code) =>
      expect(KnnClassifier.load(model, damaged)).rejects.toThrow(rejection(code));
    const text = new TextDecoder('latin1').decode(bytes);
    const changed = (from, to) => Uint8Array.from(text.replace(from, to), (c) => c.charCodeAt(0));
    expect(changed('', '')).toEqual(bytes);
    for (const length of [0, 7, 20, bytes.length - 1]) {
      await refuse(bytes.subarray(0, length), 'CHECKPOINT_TRUNCATED');
    }
    await refuse(changed('vitreous.knn', 'vitreous.kmm'), 'CHECKPOINT_FORMAT');
    await refuse(changed('"version":"1"', '"version":"9"'), 'UNSUPPORTED');
    await refuse(changed('"labels"', '"babels"'), 'CHECKPOINT_FORMAT');
    await refuse(changed('[1,64]', '[2,64]'), 'CHECKPOINT_FORMAT');
    await refuse(changed('[1,64]', '[64,1]'), 'CHECKPOINT_FORMAT');
    await refuse(changed('F32', 'F64'), 'CHECKPOINT_FORMAT');
    await refuse(Uint8Array.of(...bytes, 0), 'CHECKPOINT_FORMAT');
    await refuse(new Uint8Array(99).fill(255), 'CHECKPOINT_FORMAT');
    await refuse('text', 'CHECKPOINT_FORMAT');
    const damaged = bytes.slice();
    damaged.set([0, 0, 0xc0, 0x7f], bytes.length - 8); // a feature that is NaN
    await refuse(damaged, 'TENSOR_NOT_FINITE');
    damaged.set([0, 0, 0x80, 0x3f], bytes.length - 8);
    damaged.set([0, 0, 0x80, 0x3f], bytes.length - 4); // class 1 of one
    await refuse(damaged, 'CHECKPOINT_FORMAT');
    expect(() => LinearProbe.load(model, bytes)).toThrow(rejection('CHECKPOINT_FORMAT'));
  });

  test('a signal stops it, and nothing is added', async () => {
    const knn = new KnnClassifier(model);
    const signal = AbortSignal.abort();
    await expect(knn.add([BOATS], ['boats'], { signal })).rejects.toThrow(rejection('ABORTED'));
    expect(knn.size).toBe(0);
  });
});

describe('LinearProbe', () => {
  const train = clusters('train', 400, 48, 5, 0.25);
  const held = clusters('test', 200, 48, 5, 0.25);
  const exact = { tolerance: 1e-7 };

  test('is scikit-learn’s LogisticRegression', async () => {
    const probe = await LinearProbe.fit(model, train.features, train.labels, exact);
    expect(probe.converged).toBe(true);
    expect(probe.classes).toEqual([0, 1, 2, 3, 4]);
    expect(probe.weight.shape).toEqual([5, 48]);
    expect(maxDiff(probe.weight.data, golden('logistic_five_coef').data)).toBeLessThanOrEqual(1e-4);
    expect(maxDiff(probe.bias.data, golden('logistic_five_intercept').data)).toBeLessThanOrEqual(1e-4);
    expect(probe.classifier).toEqual({ weight: probe.weight, bias: probe.bias });
    const predictions = await probe.predict(held.features);
    const probabilities = predictions.flatMap((scores) =>
      probe.classes.map((name) => scores.find(({ label }) => label === name).probability),
    );
    expect(maxDiff(probabilities, golden('logistic_five_probability').data)).toBeLessThanOrEqual(1e-4);
    const right = predictions.filter(([best], i) => best.label === held.labels[i]).length;
    expect(right / 200).toBe(goldenJson('values').logisticAccuracy.five);
    expect(await probe.predict(row(held.features, 7))).toEqual(predictions[7]);
  });

  test('the default tolerance is close enough to decide the same', async () => {
    const probe = await LinearProbe.fit(model, train.features, train.labels);
    const predictions = await probe.predict(held.features);
    const right = predictions.filter(([best], i) => best.label === held.labels[i]).length;
    expect(right / 200).toBeGreaterThanOrEqual(goldenJson('values').logisticAccuracy.five - 0.005);
  });

  test('two classes', async () => {
    const two = clusters('train', 400, 48, 2, 0.25);
    const probe = await LinearProbe.fit(model, two.features, two.labels, { ...exact, C: 0.1 });
    const { data } = probe.weight;
    const difference = Float32Array.from({ length: 48 }, (_, d) => data[48 + d] - data[d]);
    expect(maxDiff(difference, golden('logistic_two_coef').data)).toBeLessThanOrEqual(1e-4);
  });

  test('real pictures: no worse than scikit-learn on the same split', async () => {
    const { train: count, accuracy } = goldenJson('values').digits;
    const labels = goldenJson('digits_labels');
    const sheet = fileURLToPath(new URL('../goldens/recipes/digits.png', import.meta.url));
    const pixels = await sharp(sheet).extractChannel(0).raw().toBuffer();
    const images = labels.map((_, i) => ({
      data: Uint8Array.from(pixels.subarray(64 * i, 64 * (i + 1))),
      width: 8,
      height: 8,
      channels: 1,
    }));
    const small = await createModel(NANO, { imgSize: 64, numClasses: 0 });
    const embeddings = await small.embed(images);
    const probe = await LinearProbe.fit(small, embeddings.slice(0, count), labels.slice(0, count));
    const predictions = await probe.predict(embeddings.slice(count));
    const right = predictions.filter(([best], i) => best.label === labels[count + i]).length;
    expect(right / predictions.length).toBeGreaterThanOrEqual(accuracy - 0.005);
    small.dispose();
  });

  test('a thousand photos of ten classes in less than a second', async () => {
    const { features, labels } = clusters('thousand', 1000, 768, 10, 0.25);
    const single = await createModel(NANO, { threads: 1 });
    await LinearProbe.fit(single, features, labels, { maxIterations: 5 }); // warm
    const start = performance.now();
    const probe = await LinearProbe.fit(single, features, labels);
    const seconds = (performance.now() - start) / 1000;
    expect(probe.converged).toBe(true);
    expect(seconds).toBeLessThan(3); // 0.2 s alone; other work on this machine is not the engine's fault
    single.dispose();
  });

  test('progress, steps, and a signal between them', async () => {
    const progress = [];
    const options = { maxIterations: 25, tolerance: 0, onProgress: (p) => progress.push(p) };
    const probe = await LinearProbe.fit(model, train.features, train.labels, options);
    expect(probe.converged).toBe(false);
    expect(progress.map(({ stage, loaded, total }) => [stage, loaded, total])).toEqual([
      ['fit', 10, 25],
      ['fit', 20, 25],
      ['fit', 25, 25],
    ]);
    expect(progress[2].loss).toBeLessThan(progress[0].loss);

    const controller = new AbortController();
    const stopped = LinearProbe.fit(model, train.features, train.labels, {
      tolerance: 0,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopped).rejects.toThrow(rejection('ABORTED'));
    expect((await model.embed(BOATS)).length).toBe(256);
  });

  test('saved and loaded it says the same', async () => {
    const probe = await LinearProbe.fit(model, [BOATS, AIRPLANE], ['boats', 1]);
    const bytes = probe.save();
    const loaded = LinearProbe.load(model, bytes);
    expect(loaded.classes).toEqual(['boats', 1]);
    expect(await loaded.predict(BOATS)).toEqual(await probe.predict(BOATS));
    expect((await loaded.predict(BOATS))[0].label).toBe('boats');
    expect(loaded.save()).toEqual(bytes);
    expect(() => LinearProbe.load(model, bytes.subarray(0, 300))).toThrow(VitreousError);
  });

  test('what cannot be', async () => {
    const invalid = (...args) =>
      expect(LinearProbe.fit(model, ...args)).rejects.toThrow(rejection('INVALID_ARGUMENT'));
    await invalid(train.features, train.labels.slice(1));
    await invalid(train.features, Array(400).fill('one'));
    await invalid([BOATS], ['a', 'b']);
    await invalid(BOATS, ['a']);
    await invalid(row(train.features, 0), [1]);
    await invalid([], []);
    for (const options of [{ C: 0 }, { C: '1' }, { maxIterations: 0 }, { tolerance: -1 }]) {
      await invalid(train.features, train.labels, options);
    }
    const probe = await LinearProbe.fit(model, train.features, train.labels, { maxIterations: 1 });
    await expect(probe.predict(BOATS)).rejects.toThrow(rejection('INVALID_ARGUMENT'));
  });
});

test('recipes of a model that was disposed of say so', async () => {
  const gone = await createModel(NANO);
  const knn = new KnnClassifier(gone);
  await knn.add(new Float32Array([1, 2]), 'a');
  gone.dispose();
  await expect(knn.predict(new Float32Array([1, 2]))).rejects.toThrow(rejection('DISPOSED'));
  knn.dispose();
});

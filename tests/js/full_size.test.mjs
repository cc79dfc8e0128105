// The DINO models at full size, with generated weights that are streamed in, against timm. The 343 MB of ViT-B are
// never whole in JavaScript's memory: the process's peak proves it.
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { safetensorsByteLength, vitTensors } from './support/generated.mjs';
import { maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';
import { runScript, variantFlag } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const BASE = 'vit_base_patch16_224.dino';

/** The first image's part of a golden. */
function expectGolden(actual, name, tolerance = 1e-4) {
  const { data } = readGolden(name);
  expect(maxDiff(actual, data.subarray(0, actual.length))).toBeLessThanOrEqual(tolerance);
  expect(actual.length).toBeGreaterThan(0);
}

describe.each(['simd', 'relaxed'])(`${BASE}, %s`, (variant) => {
  let result;
  beforeAll(async () => {
    result = await runScript('full_size.mjs', { flags: [variantFlag[variant]], args: [BASE, 768, 16] });
  });

  test('is timm', () => {
    expect(result.variant).toBe(variant);
    expect(result.shape).toEqual([1, 768]);
    expectGolden(result.forward, `${BASE}/forward.npy`);
    expectGolden(result.features, `${BASE}/forward_features.npy`);
    expectGolden(result.attention, `${BASE}/attention.npy`, 1e-5);
    expect(result.blocks).toHaveLength(12);
    for (const { values, norms } of result.blocks) {
      expect(values).toBeLessThanOrEqual(1e-4 + 2 ** -17); // the golden is rounded to 2^-16
      expect(norms).toBeLessThanOrEqual(1e-4 * Math.sqrt(768));
    }
    expect(result.info).toMatchObject({ parameters: 85_798_656, tensors: 150 });
  });

  test('progress only grows, up to the file’s size', () => {
    const size = safetensorsByteLength(vitTensors({ dim: 768, depth: 12, patch: 16 }));
    const loaded = result.progress.map(([bytes]) => bytes);
    expect(loaded.length).toBeGreaterThan(3);
    expect(loaded.every((bytes, i) => i === 0 || bytes >= loaded[i - 1])).toBe(true);
    expect(loaded.at(-1)).toBe(size);
    // A stream does not say; the file's header does.
    expect(result.progress.slice(1).every(([, total]) => total === size)).toBe(true);
  });

  test('the peak of memory stays near the packed size', async () => {
    const packed = 4 * 85_798_656;
    const small = await runScript('full_size.mjs', {
      flags: [variantFlag[variant]],
      args: ['vit_nano_patch16_224'],
    });
    const own = small.maxRss - small.memoryBytes; // Node, and the library without its engine's memory
    expect(result.maxRss).toBeGreaterThan(packed); // it is measured at all
    expect(result.maxRss).toBeLessThan(1.25 * packed + 64e6 + own);
    expect(result.memoryBytes).toBeLessThan(1.15 * packed);
  });
});

test.each([
  ['vit_small_patch16_224.dino', 384, 16],
  ['vit_small_patch8_224.dino', 384, 8],
  ['vit_base_patch8_224.dino', 768, 8],
])('%s is timm', async (model, dim, patch) => {
  const result = await runScript('full_size.mjs', {
    flags: [variantFlag.relaxed],
    args: [model, dim, patch],
  });
  expectGolden(result.forward, `${model}/forward.npy`);
  expectGolden(result.attention, `${model}/attention_last.npy`, 1e-5);
});

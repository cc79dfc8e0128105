// Both wasm variants, each in a process of its own: Node has relaxed SIMD behind a flag, or to be switched off by one.
import { beforeAll, expect, jest, test } from '@jest/globals';
import { fixtures, maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';
import { runScript, variantFlag } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const results = {};
beforeAll(async () => {
  for (const variant of ['simd', 'relaxed']) {
    results[variant] = await runScript('variant.mjs', { flags: [variantFlag[variant]] });
  }
});

test.each(['simd', 'relaxed'])('%s is chosen where it should be, and is timm', (variant) => {
  const { variant: ran, forward, features, embedding } = results[variant];
  expect(ran).toBe(variant);
  expect(maxDiff(forward, readGolden('vit_nano_patch16_224/forward.npy').data)).toBeLessThanOrEqual(1e-4);
  const golden = readGolden('vit_nano_patch16_224/forward_features.npy').data;
  expect(maxDiff(features, golden)).toBeLessThanOrEqual(1e-4);
  const { embedding: photo } = fixtures().find(({ file }) => file.startsWith('boats'));
  expect(maxDiff(embedding, photo)).toBeLessThanOrEqual(2e-4);
});

test('the two agree within 1e-5, and are two', () => {
  const { simd, relaxed } = results;
  const differences = ['forward', 'embedding'].map((key) => maxDiff(simd[key], relaxed[key]));
  for (const difference of differences) {
    expect(difference).toBeLessThanOrEqual(1e-5);
    expect(difference).toBeGreaterThan(0); // fused multiply-add rounds once less
  }
});

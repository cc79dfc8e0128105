// dtype: 'int8' through the public API, against timm's fp32.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cosineSimilarity, createModel } from '../../dist/node.mjs';
import { fixture, fixtures } from './support/golden.mjs';

let int8;
let fp32;
beforeAll(async () => {
  int8 = await createModel('vit_nano_patch16_224', { dtype: 'int8', threads: 1 });
  fp32 = await createModel('vit_nano_patch16_224', { threads: 1 });
});
afterAll(() => {
  int8.dispose();
  fp32.dispose();
});

test('says so', () => {
  expect(int8.info.dtype).toBe('int8');
  expect(fp32.info.dtype).toBe('fp32');
});

test('stays close to fp32 on photos, without being it', async () => {
  for (const { file, embedding } of fixtures()) {
    const cosine = cosineSimilarity(await int8.embed(fixture(file)), embedding);
    expect(cosine).toBeGreaterThan(0.9995);
    expect(cosine).toBeLessThan(0.9999999);
  }
});

test('takes less memory', async () => {
  expect(await int8.memoryBytes()).toBeLessThan((await fp32.memoryBytes()) - 8e6); // 14 MB of linear layers less 3/4
});

test('gives a batch what its images get alone, to the last bit', async () => {
  const files = fixtures().map(({ file }) => fixture(file));
  const batch = await int8.embed(files);
  for (const [i, file] of files.entries()) expect(await int8.embed(file)).toEqual(batch[i]);
});

test('says where the time of a forward goes', async () => {
  await fp32.embed(fixture(fixtures()[0].file));
  const profile = await fp32.profile();
  for (const stage of ['norm', 'qkv', 'attention', 'fc1+gelu', 'fc2'])
    expect(profile[stage]).toBeGreaterThan(0);
});

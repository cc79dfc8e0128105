// Preparations by name: the bytes are those of Pillow, torchvision and timm.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, jest, test } from '@jest/globals';
import { createModel, createTransform, resolveDataConfig } from '../../dist/node.mjs';

jest.setTimeout(120_000);

const NANO = 'vit_nano_patch16_224';
const at = (path) => new URL(`../${path}`, import.meta.url);
const goldens = JSON.parse(readFileSync(at('goldens/preprocess/sha256.json'), 'utf8'));
const own = {
  inputSize: [3, 224, 224],
  interpolation: 'bicubic',
  cropPct: 0.9,
  cropMode: 'center',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** The bytes (height, width, 3) that were normalised to `planes`. */
function bytesOf({ data }, { mean, std, inputSize: [, height, width] }) {
  const bytes = new Uint8Array(height * width * 3);
  for (let i = 0; i < bytes.length; i++) {
    const channel = i % 3;
    const value = data[channel * height * width + Math.floor(i / 3)];
    bytes[i] = Math.round((value * std[channel] + mean[channel]) * 255);
  }
  return bytes;
}

test.each(Object.entries(goldens))('%s', async (name, sha256) => {
  const [file, preprocess, size] = name.split(' ');
  const [height, width = height] = size.split('x').map(Number);
  const config = { ...resolveDataConfig(own, preprocess), inputSize: [3, height, width] };
  const transform = createTransform(config);
  const pixels = bytesOf(await transform(at(`fixtures/${file}`)), config);
  transform.dispose();
  expect(createHash('sha256').update(pixels).digest('hex')).toBe(sha256);
});

test('a model takes a preparation by name or by fields, and says so', async () => {
  const photo = at('fixtures/boats_rgb_320x200.png');
  const [plain, squashed, fields] = await Promise.all(
    [{}, { preprocess: 'squash' }, { preprocess: { cropPct: 1, cropMode: 'squash' } }].map((options) =>
      createModel(NANO, options),
    ),
  );
  expect(plain.dataConfig).toMatchObject({ cropPct: 0.9, cropMode: 'center' });
  expect(squashed.dataConfig).toEqual({ ...plain.dataConfig, cropPct: 1, cropMode: 'squash' });
  expect(fields.dataConfig).toEqual(squashed.dataConfig);
  const [a, b, c] = [await plain.embed(photo), await squashed.embed(photo), await fields.embed(photo)];
  expect(b).not.toEqual(a);
  expect(c).toEqual(b);
  for (const model of [plain, squashed, fields]) model.dispose();
});

test.each([
  ['stretch', /'stretch' is not known: use timm, dino-eval/],
  [{ crop: 1 }, /no field 'crop'/],
  [{ inputSize: [3, 8, 8] }, /imgSize/],
])('%j is refused', async (preprocess, message) => {
  await expect(createModel(NANO, { preprocess })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

// Another size of the input. Its numbers are compared with timm's in tests/cpp/img_size_test.cc.
import { createModel } from 'vitreous';
import { fixture } from './support/golden.mjs';

const NANO = 'vit_nano_patch16_224';
const PHOTO = fixture('boats_rgb_320x200.png');

test('photos are resized for it, tokens and maps follow', async () => {
  const model = await createModel(NANO, { imgSize: [160, 320] });
  expect(model.dataConfig.inputSize).toEqual([3, 160, 320]);
  expect((await model.forwardFeatures(PHOTO)).shape).toEqual([1, 1 + 10 * 20, 256]);
  expect((await model.attention(PHOTO)).shape).toEqual([1, 4, 10, 20]);
  expect(await model.embed(PHOTO)).toHaveLength(256);
  model.dispose();
});

test('the model’s own size is the same as none', async () => {
  const [own, plain] = [await createModel(NANO, { imgSize: 224 }), await createModel(NANO)];
  expect(await own.embed(PHOTO)).toEqual(await plain.embed(PHOTO));
  own.dispose();
  plain.dispose();
});

// Bad options, arguments and images: an error with a code that names the thing, and the model in use goes on.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, createTransform, VitreousError } from '../../dist/node.mjs';
import { fixture, generatedInput } from './support/golden.mjs';
import { modelInUse } from './support/in_use.mjs';
import { startServer } from './support/server.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';

let used;
let model;
let scratch;
beforeAll(async () => {
  used = await modelInUse();
  ({ model } = used);
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-'));
});
afterEach(() => used.unchanged());
afterAll(async () => {
  used.model.dispose();
  await rm(scratch, { recursive: true });
});

async function expectError(promise, code, message) {
  const error = await promise.then(
    () => 'it went well',
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(VitreousError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

describe('options', () => {
  test.each([
    ['an unknown model', 'vit_giant', {}, 'UNKNOWN_MODEL', /'vit_giant'.*vit_base_patch16_224\.dino/],
    ['no name', undefined, {}, 'INVALID_ARGUMENT', /name of a model/],
    ['an empty name', '', {}, 'INVALID_ARGUMENT', /name of a model/],
    ['an unknown dtype', NANO, { dtype: 'fp8' }, 'INVALID_ARGUMENT', /fp8/],
    ['a negative number of classes', NANO, { numClasses: -1 }, 'INVALID_ARGUMENT', /numClasses.*-1/],
    ['half a class', NANO, { numClasses: 1.5 }, 'INVALID_ARGUMENT', /numClasses.*1\.5/],
    ['no threads', NANO, { threads: 0 }, 'INVALID_ARGUMENT', /threads.*0/],
    ['a text for threads', NANO, { threads: 'many' }, 'INVALID_ARGUMENT', /threads.*many/],
    ['another input size', NANO, { imgSize: 225 }, 'INVALID_ARGUMENT', /225.*patches of 16.*224 or 240/],
    ['a size that is none', NANO, { imgSize: [224] }, 'INVALID_ARGUMENT', /imgSize/],
  ])('%s', async (_, name, options, code, message) => {
    await expectError(createModel(name, options), code, message);
  });

  test('a hub that is not there', async () => {
    const gone = await startServer(() => {});
    await gone.close();
    const weights = `${gone.url}timm/vit_base_patch16_224.dino/resolve/main/model.safetensors`;
    await expectError(createModel('vit_base_patch16_224.dino', { weights }), 'NETWORK', /timm\/vit_base/);
  });
});

describe('tensors', () => {
  const tensor = (...shape) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape });

  test.each([
    ['another size', tensor(1, 3, 225, 224)],
    ['one channel', tensor(1, 1, 224, 224)],
    ['channels last', tensor(1, 224, 224, 3)],
    ['five dimensions', tensor(1, 1, 3, 224, 224)],
    ['no image', tensor(0, 3, 224, 224)],
    ['too few values', { ...tensor(1, 3, 224, 224), data: new Float32Array(7) }],
    ['half a batch', { data: new Float32Array(1.5 * 150_528), shape: [1.5, 3, 224, 224] }],
  ])('as images: %s', async (_, images) => {
    await expectError(model.forward(images), 'INVALID_ARGUMENT', /input tensor must be \(B, 3, 224, 224\)/);
    await expectError(model.attention(images), 'INVALID_ARGUMENT', /input tensor/);
  });

  test.each([
    ['another width', tensor(1, 197, 255)],
    ['another number of tokens', tensor(1, 196, 256)],
    ['two dimensions', tensor(197, 256)],
    ['too few values', { ...tensor(2, 197, 256), data: new Float32Array(197 * 256) }],
    ['no features', tensor(0, 197, 256)],
  ])('as features: %s', async (_, features) => {
    await expectError(model.forwardHead(features), 'INVALID_ARGUMENT', /\(B, 197, 256\)/);
  });

  test.each([6, -7, 0.5, Number.NaN, '1'])('there is no layer %p', async (layer) => {
    await expectError(model.attention(generatedInput(), { layer }), 'INVALID_ARGUMENT', /Layer .*0 to 5/);
  });

  test('an unknown outputFmt', async () => {
    const options = { outputFmt: 'NHWC' };
    await expectError(model.forwardIntermediates(generatedInput(), options), 'INVALID_ARGUMENT', /NHWC/);
  });
});

describe('images', () => {
  const grey = (width, height, bytes) => ({ data: new Uint8Array(bytes), width, height, channels: 1 });

  test.each([
    ['an empty array', [], 'INVALID_ARGUMENT', /no images/],
    ['nothing', undefined, 'INVALID_IMAGE', /not an image/],
    ['null', null, 'INVALID_IMAGE', /not an image/],
    ['a number', 7, 'INVALID_IMAGE', /not an image/],
    ['an object', { width: 3 }, 'INVALID_IMAGE', /not an image/],
    ['an array in an array', [[grey(1, 1, 1)]], 'INVALID_IMAGE', /not an image/],
    ['a byte too few', grey(3, 3, 8), 'INVALID_IMAGE', /3 × 3.*9 bytes.*are 8/],
    ['a byte too many', grey(3, 3, 10), 'INVALID_IMAGE', /9 bytes.*are 10/],
    ['no pixels', grey(0, 0, 0), 'INVALID_IMAGE', /0.*0/],
    ['negative sides', grey(-2, -2, 4), 'INVALID_IMAGE', /-2/],
    ['half a pixel', grey(1.5, 2, 3), 'INVALID_IMAGE', /1\.5/],
    ['two channels', { ...grey(2, 2, 8), channels: 2 }, 'INVALID_IMAGE', /channels/],
    ['five channels', { ...grey(2, 2, 20), channels: 5 }, 'INVALID_IMAGE', /channels/],
    ['floats', { ...grey(2, 2, 4), data: new Float32Array(4) }, 'INVALID_IMAGE', /Uint8Array/],
    ['a file that is not there', '/no/such/photo.jpg', 'INVALID_IMAGE', /\/no\/such\/photo\.jpg/],
    ['an empty Blob', new Blob([]), 'INVALID_IMAGE', /empty|0 bytes/],
  ])('%s', async (_, image, code, message) => {
    await expectError(model.embed(image), code, message);
  });

  const png = readFileSync(fixture('boats_rgb_320x200.png'));
  test.each([
    ['with zero bytes', 'zero.png', Buffer.alloc(0)],
    ['of text', 'text.png', Buffer.from('This is no picture.')],
    ['cut in the middle', 'cut.png', png.subarray(0, png.length / 2)],
    ['cut at the end', 'tail.png', png.subarray(0, -40)],
    [
      'with damaged pixels',
      'damaged.png',
      Buffer.concat([png.subarray(0, 2000), Buffer.alloc(3000), png.subarray(5000)]),
    ],
  ])('a file %s', async (_, name, bytes) => {
    const file = join(scratch, name);
    await writeFile(file, bytes);
    await expectError(model.embed(file), 'INVALID_IMAGE', new RegExp(name.replace('.', '\\.')));
    await expectError(
      model.embed(new File([bytes], name)),
      'INVALID_IMAGE',
      new RegExp(name.replace('.', '\\.')),
    );
  });

  test('a bad one in a batch spoils the batch only', async () => {
    const good = fixture('boats_rgb_320x200.png');
    await expectError(model.embed([good, grey(3, 3, 8), good]), 'INVALID_IMAGE', /3 × 3/);
  });

  test('from a server that has it not', async () => {
    const server = await startServer((_, response) => response.writeHead(404).end('none'));
    await expectError(model.embed(`${server.url}photo.jpg`), 'HTTP_STATUS', /photo\.jpg answered 404/);
    await server.close();
    await expectError(model.embed(`${server.url}photo.jpg`), 'NETWORK', /photo\.jpg/);
  });

  test('that a transform is given', async () => {
    const transform = createTransform(model.dataConfig);
    await expectError(transform(grey(3, 3, 8)), 'INVALID_IMAGE', /9 bytes/);
    expect((await transform(grey(3, 3, 9))).shape).toEqual([3, 224, 224]);
    transform.dispose();
  });
});

test('a transform of no known interpolation', async () => {
  const transform = createTransform({ ...model.dataConfig, interpolation: 'lanczos' });
  await expectError(transform(fixture('boats_rgb_320x200.png')), 'INVALID_ARGUMENT', /lanczos/);
  transform.dispose();
});

test('classes of a model without a classifier', async () => {
  const headless = await createModel(NANO, { numClasses: 0 });
  await expectError(headless.classify(fixture('boats_rgb_320x200.png')), 'NO_HEAD', /has no classifier/);
  headless.dispose();
});

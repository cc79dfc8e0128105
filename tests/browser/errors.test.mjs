// Errors in real Chromium: they come across the worker with their code, and harm nothing.
import { createReadStream } from 'node:fs';
import { describe, test } from 'node:test';
import { fixture } from '../js/support/golden.mjs';
import { changed } from '../js/support/safetensors.mjs';
import { startServer } from '../js/support/server.mjs';
import { assertError, assertWorkers, useModelInPage } from './support/fixture.mjs';
import { openSite, startTestSite } from './support/site.mjs';

const whole = changed(() => {});
const shared = useModelInPage({
  files: {
    'nan.safetensors': changed((entries, data) => {
      data.writeUInt16LE(0x7e00, entries['norm.weight'].data_offsets[0]);
    }),
    'cut.safetensors': whole.subarray(0, -100),
    'shape.safetensors': changed((entries) => {
      entries['blocks.3.attn.proj.weight'].shape = [128, 512];
    }),
    'page.safetensors': '<!doctype html><title>Not found</title>',
    'broken.safetensors': (response) => {
      response.writeHead(200, { 'content-length': whole.length });
      response.write(whole.subarray(0, 1e6), () => response.destroy());
    },
  },
});

describe('errors keep their code and message across the worker', () => {
  const cases = [
    ['a NaN', 'nan.safetensors', 'TENSOR_NOT_FINITE', /norm\.weight/],
    ['a truncated file', 'cut.safetensors', 'CHECKPOINT_TRUNCATED', /ends after \d+ of/],
    ['a wrong shape', 'shape.safetensors', 'TENSOR_SHAPE', /blocks\.3\.attn\.proj\.weight/],
    ['a web page', 'page.safetensors', 'HTML_PAGE', /web page/],
    ['a 404', 'none.safetensors', 'NOT_FOUND', /none\.safetensors answered 404/],
    ['a connection that breaks', 'broken.safetensors', 'NETWORK', /broken\.safetensors/],
    ['a folder that is not there', 'nowhere', 'NOT_FOUND', /nowhere has no config\.json/],
  ];
  for (const [what, weights, code, message] of cases) {
    test(what, async () => {
      const workers = shared.page.workers().length;
      const error = await shared.page.evaluate(
        (weights) => errorOf(vitreous.createModel(NANO, { weights })),
        weights,
      );
      assertError(error, code, message);
      await assertWorkers(shared.page, workers);
    });
  }

  test('an unknown model, a bad option', async () => {
    const errors = await shared.page.evaluate(() =>
      Promise.all([
        errorOf(vitreous.createModel('vit_giant')),
        errorOf(vitreous.createModel(NANO, { numClasses: -1 })),
        errorOf(vitreous.createModel(NANO, { weights: 42 })),
      ]),
    );
    assertError(errors[0], 'UNKNOWN_MODEL', /vit_giant/);
    assertError(errors[1], 'INVALID_ARGUMENT', /numClasses/);
    assertError(errors[2], 'INVALID_ARGUMENT', /weights must be/);
  });

  test('a stream that fails, that gives texts, that is locked', async () => {
    const errors = await shared.page.evaluate(() => {
      const failing = new ReadableStream({ pull: (stream) => stream.error(new Error('the disk is gone')) });
      const texts = new ReadableStream({ pull: (stream) => stream.enqueue('bytes?') });
      const locked = new ReadableStream();
      locked.getReader();
      const load = (weights) => errorOf(vitreous.createModel(NANO, { weights }));
      return Promise.all([load(failing), load(texts), load(locked)]);
    });
    assertError(errors[0], 'NETWORK', /the disk is gone/);
    assertError(errors[1], 'INVALID_ARGUMENT', /Uint8Array/);
    assertError(errors[2], 'INVALID_ARGUMENT', /locked/);
  });

  test('images that are none', async () => {
    const errors = await shared.page.evaluate(() => {
      const canvas = new OffscreenCanvas(2, 2);
      canvas.getContext('2d');
      canvas.width = 0;
      const closed = new VideoFrame(canvasOfSize(2, 2), { timestamp: 0 });
      closed.close();
      return Promise.all(
        [
          new Blob([]),
          new File(['no picture'], 'text.png'),
          canvas,
          Object.assign(new Image(), { src: 'nothing.png' }),
          document.createElement('video'),
          closed,
          { data: new Uint8Array(8), width: 3, height: 1, channels: 3 },
          { data: new Uint8Array(8), width: 2, height: 2, channels: 2 },
          { width: 3 },
          undefined,
        ].map((image) => errorOf(model.embed(image))),
      );
    });
    const messages = [
      /0 bytes/,
      /text\.png/,
      /OffscreenCanvas/,
      /nothing\.png/,
      /HTMLVideoElement/,
      /VideoFrame/,
    ];
    messages.push(/9 bytes/, /channels/, /not an image \(Object\)/, /not an image \(undefined\)/);
    for (const [i, message] of messages.entries()) assertError(errors[i], 'INVALID_IMAGE', message);
  });

  test('an image that its server has not', async () => {
    assertError(
      await shared.page.evaluate(() => errorOf(model.embed('none.png'))),
      'HTTP_STATUS',
      /none\.png/,
    );
  });

  test('a tensor of another shape, and an empty array', async () => {
    const errors = await shared.page.evaluate(() => {
      const tensor = { data: new Float32Array(3), shape: [1, 3, 1, 1] };
      return Promise.all([errorOf(model.forward(tensor)), errorOf(model.embed([]))]);
    });
    assertError(errors[0], 'INVALID_ARGUMENT', /\(B, 3, 224, 224\)/);
    assertError(errors[1], 'INVALID_ARGUMENT', /no images/);
  });
});

describe('a picture of another origin', () => {
  test('that must not be read is an error that says so', async () => {
    const png = createReadStream(fixture('boats_rgb_320x200.png'));
    const other = await startServer((_, response) => png.pipe(response));
    const open = await startTestSite({ csp: "default-src * 'unsafe-inline' 'wasm-unsafe-eval'" });
    const { page, close } = await openSite(shared.browser, open.url);
    for (const worker of [true, false]) {
      const error = await page.evaluate(
        async ([src, worker]) => {
          globalThis.image ??= await loadImage(src);
          const model = await vitreous.createModel(NANO, { worker });
          return errorOf(model.embed(image));
        },
        [`${other.url}photo.png`, worker],
      );
      assertError(error, 'INVALID_IMAGE', /origin|CORS/);
    }
    await close();
    await Promise.all([open.close(), other.close()]);
  });
});

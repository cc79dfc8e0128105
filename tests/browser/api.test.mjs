// The package in real Chromium, on a page with a strict content security policy, against Node and timm.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fixtures, maxDiff } from '../js/support/golden.mjs';
import { AIRPLANE, ALLIUM, ALPS, assertClose, BOATS, inNode, useModelInPage } from './support/fixture.mjs';

const shared = useModelInPage();

test('the engine runs in a worker, in the variant of this browser', async () => {
  const info = await shared.page.evaluate(() => model.info);
  assert.equal(info.worker, true);
  assert.equal(info.variant, 'relaxed');
  assert.equal(shared.page.workers().length, 1);
});

describe('every kind of image gives Node’s embedding', () => {
  const names = [
    'HTMLCanvasElement',
    'HTMLImageElement',
    'HTMLImageElement on its way',
    'WebGL canvas',
    'OffscreenCanvas',
    'ImageData',
    'ImageBitmap',
    'VideoFrame',
    'Blob',
    'File',
    'relative URL',
    'absolute URL',
    'URL object',
    'Pixels, RGB',
    'Pixels, RGBA',
    'Pixels in Uint8ClampedArray',
  ];
  for (const name of names) {
    test(name, async () => {
      const embedding = await shared.page.evaluate(
        async ([name, src]) => {
          const image = await kinds[name](src);
          const embedding = await model.embed(image);
          if (name === 'VideoFrame') image.close();
          return Array.from(embedding);
        },
        [name, BOATS],
      );
      assertClose(embedding, await inNode(shared, BOATS), 1e-5, name);
    });
  }

  test('no kind was left out', async () => {
    assert.deepEqual(await shared.page.evaluate(() => Object.keys(kinds)), names);
  });

  test('Pixels, grey', async () => {
    const embedding = await shared.page.evaluate(
      async (src) => Array.from(await model.embed(pixelsOf(await loadImage(src), 1))),
      AIRPLANE,
    );
    assertClose(embedding, await inNode(shared, AIRPLANE), 1e-5, 'grey pixels');
  });

  test('HTMLVideoElement: the frame that it shows', async () => {
    const { video, canvas, width } = await shared.page.evaluate(async (src) => {
      const video = await videoOf(src);
      const shown = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      shown.getContext('2d').drawImage(video, 0, 0);
      return {
        video: Array.from(await model.embed(video)),
        canvas: Array.from(await model.embed(shown)),
        width: video.videoWidth,
      };
    }, BOATS);
    assert.equal(width, 320);
    assertClose(video, canvas, 1e-5, 'a video');
    assertClose(video, await inNode(shared, BOATS), 1, 'a video, which is compressed,'); // the embedding reaches 5
  });

  test('an array of different kinds', async () => {
    const embeddings = await shared.page.evaluate(
      async ([boats, airplane]) => {
        const images = [await kinds.Blob(airplane), boats, await kinds.HTMLCanvasElement(airplane)];
        return (await model.embed(images)).map((row) => Array.from(row));
      },
      [BOATS, AIRPLANE],
    );
    const [boats, airplane] = [await inNode(shared, BOATS), await inNode(shared, AIRPLANE)];
    for (const [i, expected] of [airplane, boats, airplane].entries()) {
      assertClose(embeddings[i], expected, 1e-5, `image ${i}`);
    }
  });

  test('a tensor, from createTransform', async () => {
    const { embedding, shape, data } = await shared.page.evaluate(async (src) => {
      const transform = vitreous.createTransform(model.dataConfig);
      const { data, shape } = await transform([src]);
      const embedding = await model.embed({ data, shape });
      transform.dispose();
      return { shape, data: Array.from(data.subarray(0, 1000)), embedding: Array.from(embedding) };
    }, BOATS);
    assert.deepEqual(shape, [1, 3, 224, 224]);
    assertClose(embedding, await inNode(shared, BOATS), 1e-5, 'a transformed image');
    assert.ok(new Set(data).size > 20);
  });
});

describe('timm, end to end', () => {
  for (const { file, embedding, top5 } of fixtures().filter(({ file }) => file.endsWith('.png'))) {
    test(file, async () => {
      const { embeddings, classes } = await shared.page.evaluate(async (src) => {
        const images = [await kinds.Blob(src), src];
        return {
          embeddings: (await model.embed(images)).map((row) => Array.from(row)),
          classes: await model.classify(src),
        };
      }, `fixtures/${file}`);
      for (const row of embeddings) assertClose(row, embedding, 2e-4, file);
      const named = ({ index, label }) => ({ index, label });
      assert.deepEqual(classes.map(named), top5.map(named));
    });
  }

  test('a JPEG is turned upright by its EXIF orientation', async () => {
    const [blob, url, image] = await shared.page.evaluate(async (src) => {
      const images = [await kinds.Blob(src), src, await loadImage(src)];
      return (await model.embed(images)).map((row) => Array.from(row));
    }, ALPS);
    const expected = await inNode(shared, ALPS);
    const sideways = await shared.page.evaluate(async (src) => {
      const image = await loadImage(src);
      const canvas = new OffscreenCanvas(image.naturalHeight, image.naturalWidth);
      const context = canvas.getContext('2d');
      context.rotate(-Math.PI / 2);
      context.drawImage(image, -image.naturalWidth, 0);
      return Array.from(await model.embed(canvas));
    }, ALPS);
    for (const row of [blob, url, image]) assertClose(row, expected, 1e-2, 'a JPEG');
    assert.ok(maxDiff(sideways, expected) > 0.5, 'a picture on its side is another');
  });
});

test('straight alpha: the colours count, whatever their alpha', async () => {
  const golden = fixtures().find(({ file }) => file.startsWith('allium')).embedding;
  const premultiplied = await shared.page.evaluate(async (src) => {
    const canvas = canvasOf(await loadImage(src));
    return Array.from(await model.embed(canvas));
  }, ALLIUM);
  // What a 2-D canvas has lost stays lost: the file itself is needed for timm's numbers.
  assert.ok(maxDiff(premultiplied, golden) > 2e-4);
  const own = await shared.page.evaluate(
    async (src) => Array.from(await model.embed(await kinds.ImageData(src))),
    ALLIUM,
  );
  assertClose(own, premultiplied, 1e-2, 'the canvas’s own pixels');
});

describe('the caller’s images stay the caller’s', () => {
  for (const worker of [true, false]) {
    test(worker ? 'with a worker' : 'without', async () => {
      const kept = await shared.page.evaluate(
        async ([src, worker]) => {
          const model = await vitreous.createModel(NANO, { worker });
          const bitmap = await kinds.ImageBitmap(src);
          const frame = await kinds.VideoFrame(src);
          const imageData = await kinds.ImageData(src);
          const pixels = await kinds['Pixels, RGB'](src);
          const tensor = { data: new Float32Array(3 * 224 * 224).fill(1), shape: [1, 3, 224, 224] };
          const before = [imageData.data.slice(), pixels.data.slice()];
          const rows = [];
          for (let i = 0; i < 2; i++) {
            rows.push(await model.embed([bitmap, frame, imageData, pixels]));
            await model.forward(tensor);
          }
          model.dispose();
          const frameWidth = frame.codedWidth; // 0 once it is closed
          frame.close();
          const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
          return {
            bitmap: bitmap.width,
            frame: frameWidth,
            tensor: tensor.data.length,
            bytes: same(imageData.data, before[0]) && same(pixels.data, before[1]),
            again: rows[0].every((row, i) => same(row, rows[1][i])),
          };
        },
        [BOATS, worker],
      );
      assert.deepEqual(kept, { bitmap: 320, frame: 320, tensor: 3 * 224 * 224, bytes: true, again: true });
    });
  }
});

describe('where the engine runs', () => {
  const images = ['fixtures/acanthus_rgb_300x401.png', ALLIUM];

  test('in the page itself, with worker: false', async () => {
    const workers = shared.page.workers().length;
    const { worker, embeddings } = await shared.page.evaluate(async (images) => {
      const model = await vitreous.createModel(NANO, { worker: false });
      const embeddings = await model.embed(images);
      return { worker: model.info.worker, embeddings: embeddings.map((row) => Array.from(row)) };
    }, images);
    assert.equal(worker, false);
    assert.equal(shared.page.workers().length, workers);
    for (const [i, path] of images.entries())
      assertClose(embeddings[i], await inNode(shared, path), 1e-5, path);
  });

  test('in a service worker that has imported the engine’s script', async () => {
    const { worker, embedding, message } = await shared.page.evaluate(async (image) => {
      const registration = await navigator.serviceWorker.register('service-worker.js', { type: 'module' });
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((done) => {
        port1.onmessage = ({ data }) => done(data);
      });
      const service = registration.active ?? registration.waiting ?? registration.installing;
      service.postMessage({ image, port: port2 }, [port2]);
      const { embedding, ...rest } = await answer;
      await registration.unregister();
      return { ...rest, embedding: embedding && Array.from(embedding) };
    }, images[0]);
    assert.equal(message, undefined);
    assert.equal(worker, false);
    assertClose(embedding, await inNode(shared, images[0]), 1e-5, images[0]);
  });

  test('in the user’s own worker', async () => {
    const { worker, variant, embeddings } = await shared.page.evaluate(async (images) => {
      const own = new Worker('own-worker.js', { type: 'module' });
      const canvas = await kinds.OffscreenCanvas(images[0]);
      const answer = new Promise((done, failed) => {
        own.onmessage = ({ data }) => done(data);
        own.onerror = ({ message }) => failed(new Error(message));
      });
      own.postMessage([...images, await kinds.Blob(images[1]), canvas.transferToImageBitmap()]);
      const { embeddings, ...rest } = await answer;
      own.terminate();
      return { ...rest, embeddings: embeddings.map((row) => Array.from(row)) };
    }, images);
    assert.deepEqual([worker, variant], [false, 'relaxed']);
    for (const [i, path] of [...images, images[1], images[0]].entries()) {
      assertClose(embeddings[i], await inNode(shared, path), 1e-5, path);
    }
  });

  test('the page goes on while images are embedded', async () => {
    const ticks = await shared.page.evaluate(async (src) => {
      let ticks = 0;
      let running = true;
      const tick = () => {
        ticks++;
        if (running) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
      await model.embed(Array(16).fill(await kinds.ImageData(src)));
      running = false;
      return ticks;
    }, BOATS);
    assert.ok(ticks > 5, `${ticks} frames`);
  });
});

describe('sizes', () => {
  test('from 1 × 1 to 1 × 5000 and 5000 × 1', async () => {
    for (const [width, height] of [
      [1, 1],
      [1, 5000],
      [5000, 1],
      [2, 3],
    ]) {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251);
      const expected = await shared.node.embed({ data, width, height, channels: 3 });
      const embeddings = await shared.page.evaluate(
        async ([bytes, width, height]) => {
          const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
          for (let i = 0; i < width * height * 3; i++) rgba[Math.floor(i / 3) * 4 + (i % 3)] = bytes[i];
          const canvas = new OffscreenCanvas(width, height);
          canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
          const images = [
            { data: Uint8Array.from(bytes), width, height, channels: 3 },
            new ImageData(rgba, width, height),
            await canvas.convertToBlob(),
            canvas,
          ];
          return (await model.embed(images)).map((row) => Array.from(row));
        },
        [Array.from(data), width, height],
      );
      for (const row of embeddings) assertClose(row, expected, 1e-5, `${width} × ${height}`);
    }
  });
});

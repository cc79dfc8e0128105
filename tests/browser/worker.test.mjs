// The worker behind the API in real Chromium: weights, aborting, disposing, memory, large images, older browsers.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { cosineSimilarity } from 'vitreous';
import { fixture, fixtures, maxDiff } from '../js/support/golden.mjs';
import { nanoFile } from '../js/support/safetensors.mjs';
import {
  ALLIUM,
  assertClose,
  assertError,
  assertWorkers,
  BOATS,
  inNode,
  useModelInPage,
} from './support/fixture.mjs';
import { packageWithout } from './support/older.mjs';

const files = {
  'model.safetensors': (response) => createReadStream(nanoFile).pipe(response),
  'hanging.safetensors': (response) => response.writeHead(200).write(readFileSync(nanoFile).subarray(0, 1e6)),
};
const shared = useModelInPage({ files });

describe('sources of weights', () => {
  test('URL, Blob, bytes, stream and Response give the same bits; bytes stay the caller’s', async () => {
    const { same, length } = await shared.page.evaluate(async (src) => {
      const blob = await (await fetch('model.safetensors')).blob();
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const sources = [
        'model.safetensors',
        new URL('model.safetensors', location.href),
        blob,
        bytes,
        bytes.buffer,
        blob.stream(),
        await fetch('model.safetensors'),
      ];
      const same = [];
      for (const weights of sources) {
        const loaded = [];
        const onProgress = (progress) => loaded.push(progress.loaded);
        const other = await vitreous.createModel(NANO, { weights, onProgress });
        same.push(`${await other.embed(src)}` === first && loaded.at(-1) === bytes.length);
        other.dispose();
      }
      return { same, length: bytes.length };
    }, BOATS);
    assert.deepEqual(same, Array(7).fill(true));
    assert.ok(length > 1e7, 'the bytes are not detached');
  });
});

describe('an AbortSignal', () => {
  const aborted = (error) =>
    assert.deepEqual([error.code, error.name, error.ours], ['ABORTED', 'AbortError', true]);

  test('that fired before', async () => {
    const errors = await shared.page.evaluate((src) => {
      const signal = AbortSignal.abort();
      return Promise.all([
        errorOf(vitreous.createModel(NANO, { signal })),
        errorOf(model.embed(src, { signal })),
      ]);
    }, BOATS);
    for (const error of errors) aborted(error);
  });

  test('stops a download that hangs, and its worker', async () => {
    const workers = shared.page.workers().length;
    const error = await shared.page.evaluate(async () => {
      const controller = new AbortController();
      const weights = 'hanging.safetensors';
      return errorOf(
        vitreous.createModel(NANO, {
          weights,
          signal: controller.signal,
          onProgress: () => controller.abort(),
        }),
      );
    });
    aborted(error);
    await assertWorkers(shared.page, workers);
  });

  test('stops a batch', async () => {
    const { error, seen } = await shared.page.evaluate(async (src) => {
      const controller = new AbortController();
      const seen = [];
      const onProgress = ({ loaded }) => {
        seen.push(loaded);
        controller.abort();
      };
      const batch = Array(20).fill(await kinds.ImageData(src));
      return { error: await errorOf(model.embed(batch, { signal: controller.signal, onProgress })), seen };
    }, BOATS);
    aborted(error);
    assert.deepEqual(seen, [8]);
  });

  test('stops one call at once and no other', async () => {
    const { error, other } = await shared.page.evaluate(async (src) => {
      const controller = new AbortController();
      const calls = [errorOf(model.embed(src, { signal: controller.signal })), model.embed(src)];
      controller.abort();
      const [error, embedding] = await Promise.all(calls);
      return { error, other: `${embedding}` === first };
    }, BOATS);
    aborted(error);
    assert.equal(other, true);
  });
});

test('dispose ends the worker; calls in flight and later ones are an error', async () => {
  const workers = shared.page.workers().length;
  const { running, flying, later } = await shared.page.evaluate(async (src) => {
    const other = await vitreous.createModel(NANO);
    const running = other.info.worker;
    const flying = [errorOf(other.embed(src)), errorOf(other.memoryBytes())];
    other.dispose();
    other.dispose();
    return { running, flying: await Promise.all(flying), later: await errorOf(other.embed(src)) };
  }, BOATS);
  assert.equal(running, true);
  for (const error of [...flying, later]) assertError(error, 'DISPOSED', /disposed of/);
  await assertWorkers(shared.page, workers);
});

test('a classifier there and back; the caller’s values stay', async () => {
  const seen = await shared.page.evaluate(async (src) => {
    const other = await vitreous.createModel(NANO);
    const values = (...shape) => ({
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i % 7) / 7),
      shape,
    });
    const given = { weight: values(2, other.config.dim), bias: values(2) };
    await other.resetClassifier(2, 'avg', given);
    const back = await other.getClassifier();
    const { shape } = await other.forward(src);
    const error = await errorOf(other.resetClassifier(3, 'token', given));
    other.dispose();
    return {
      same: JSON.stringify(back) === JSON.stringify(given),
      shape,
      error,
      left: given.weight.data.length,
    };
  }, BOATS);
  assert.equal(seen.error.code, 'INVALID_ARGUMENT');
  assert.deepEqual([seen.same, seen.shape, seen.left], [true, [1, 2], 512]);
});

test('500 embeddings: after the second not a byte more', async () => {
  const memory = await shared.page.evaluate(async (src) => {
    const image = await kinds.ImageData(src);
    const memory = [];
    for (let i = 0; i < 500; i++) {
      await model.embed(image);
      memory.push(await model.memoryBytes());
    }
    return memory;
  }, BOATS);
  assert.equal(memory.length, 500);
  assert.equal(new Set(memory.slice(2)).size, 1);
});

describe('a photo of 12,000 × 9,000 pixels', () => {
  const [width, height] = [12_000, 9_000];
  const stripe = (i) => [(i * 37) % 256, (i * 59) % 256, (i * 83) % 256];

  test('as a JPEG, in a Blob', async () => {
    const small = await sharp(fixture('boats_rgb_320x200.png')).toBuffer();
    files['large.jpg'] = await sharp(small)
      .resize(width, height, { fit: 'fill' })
      .jpeg({ quality: 90 })
      .toBuffer();
    const expected = await shared.node.embed(new Blob([files['large.jpg']]));
    const embedding = await shared.page.evaluate(async () =>
      Array.from(await model.embed(await kinds.Blob('large.jpg'))),
    );
    delete files['large.jpg'];
    assertClose(embedding, expected, 1e-2, 'a JPEG, whose decoders may differ,');
  });

  test('as a canvas', async () => {
    const embedding = await shared.page.evaluate(
      async ([width, height, stripes]) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d');
        for (const [i, [r, g, b]] of stripes.entries()) {
          context.fillStyle = `rgb(${r} ${g} ${b})`;
          context.fillRect(i * 1000, 0, 1000, height);
        }
        return Array.from(await model.embed(canvas));
      },
      [width, height, Array.from({ length: 12 }, (_, i) => stripe(i))],
    );
    const data = Buffer.alloc(width * height * 3);
    for (let x = 0; x < width; x++) data.set(stripe(Math.floor(x / 1000)), x * 3);
    for (let y = 1; y < height; y++) data.copy(data, y * width * 3, 0, width * 3);
    assertClose(embedding, await shared.node.embed({ data, width, height, channels: 3 }), 1e-5, 'the canvas');
  });
});

describe('a browser without', () => {
  Object.assign(files, packageWithout('relaxed'), packageWithout('webgl'));

  const run = (folder) =>
    shared.page.evaluate(
      async ([folder, boats, allium]) => {
        const other = await import(`/${folder}index.js`);
        const model = await other.createModel(NANO);
        const [opaque, alpha] = await model.embed([boats, allium]);
        model.dispose();
        return { variant: model.info.variant, opaque: Array.from(opaque), alpha: Array.from(alpha) };
      },
      [folder, BOATS, ALLIUM],
    );
  const golden = (name) => fixtures().find(({ file }) => file.startsWith(name)).embedding;

  test('relaxed SIMD: the other variant, the same numbers', async () => {
    const { variant, opaque, alpha } = await run('no-relaxed/');
    assert.equal(variant, 'simd');
    for (const [actual, path] of [
      [opaque, BOATS],
      [alpha, ALLIUM],
    ]) {
      const expected = await inNode(shared, path);
      assertClose(actual, expected, 1e-5, path);
      assert.ok(maxDiff(actual, expected) > 0, 'fused multiply-add rounds once less');
    }
  });

  test('WebGL: opaque images as ever; where alpha is, a canvas loses colours', async () => {
    const { variant, opaque, alpha } = await run('no-webgl/');
    assert.equal(variant, 'relaxed');
    assertClose(opaque, golden('boats'), 2e-4, BOATS);
    const similarity = cosineSimilarity(alpha, golden('allium'));
    assert.ok(similarity > 0.5 && similarity < 0.999, `cosine ${similarity}`);
  });
});

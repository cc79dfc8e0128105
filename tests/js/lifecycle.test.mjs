// Aborting, disposing, and memory that does not grow.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, VitreousError } from '../../dist/node.mjs';
import { fixture, generatedInput } from './support/golden.mjs';
import { modelInUse } from './support/in_use.mjs';
import { runScript } from './support/process.mjs';
import { nanoFile } from './support/safetensors.mjs';
import { startServer } from './support/server.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const photo = fixture('boats_rgb_320x200.png');

let used;
beforeAll(async () => {
  used = await modelInUse();
});
afterEach(() => used.unchanged());
afterAll(() => used.model.dispose());

async function expectAborted(promise, reason) {
  const error = await promise.catch((caught) => caught);
  expect(error).toBeInstanceOf(VitreousError);
  expect(error).toMatchObject({ code: 'ABORTED', name: 'AbortError', cause: reason });
}

describe('an AbortSignal', () => {
  const reason = new Error('the visitor left');

  test('that fired before', async () => {
    const signal = AbortSignal.abort(reason);
    await expectAborted(createModel(NANO, { signal }), reason);
    await expectAborted(used.model.embed(photo, { signal }), reason);
    await expectAborted(used.model.forward(generatedInput(), { signal }), reason);
  });

  test('stops a load on its way', async () => {
    const controller = new AbortController();
    let cancelled = false;
    const bytes = new Uint8Array(readFileSync(nanoFile));
    let given = 0;
    const weights = new ReadableStream({
      pull(stream) {
        stream.enqueue(bytes.subarray(given, given + 65_536));
        given += 65_536;
        if (given > 1e6) controller.abort(reason);
        if (given >= bytes.length) stream.close();
      },
      cancel() {
        cancelled = true;
      },
    });
    await expectAborted(createModel(NANO, { weights, signal: controller.signal }), reason);
    expect(cancelled).toBe(true);
    expect(given).toBeLessThan(2e6);
  });

  test('stops a stream that hangs', async () => {
    const controller = new AbortController();
    let cancelled;
    const weights = new ReadableStream({
      cancel(why) {
        cancelled = why;
      },
    });
    const load = createModel(NANO, { weights, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 200);
    await expectAborted(load, reason);
    expect([cancelled, weights.locked]).toEqual([reason, false]);
  });

  test('stops a download that hangs', async () => {
    const server = await startServer((_, response) =>
      response.writeHead(200).write(readFileSync(nanoFile).subarray(0, 5)),
    );
    const controller = new AbortController();
    const load = createModel(NANO, { weights: `${server.url}a.safetensors`, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 200);
    await expectAborted(load, reason);
    await server.close();
  });

  test('stops a batch after the group at work', async () => {
    const controller = new AbortController();
    const seen = [];
    const onProgress = ({ loaded }) => {
      seen.push(loaded);
      controller.abort(reason);
    };
    const batch = Array(20).fill(photo);
    await expectAborted(used.model.embed(batch, { signal: controller.signal, onProgress }), reason);
    expect(seen).toEqual([8]);
  });

  test('that fires afterwards changes nothing', async () => {
    const controller = new AbortController();
    const model = await createModel(NANO, { signal: controller.signal });
    const before = await model.embed(photo, { signal: controller.signal });
    controller.abort(reason);
    expect(await model.embed(photo)).toEqual(before);
    model.dispose();
  });
});

describe('dispose', () => {
  const calls = [
    ['forward', (model) => model.forward(photo)],
    ['embed', (model) => model.embed(photo)],
    ['forwardFeatures', (model) => model.forwardFeatures(photo)],
    ['forwardIntermediates', (model) => model.forwardIntermediates(photo)],
    ['attention', (model) => model.attention(photo)],
    ['classify', (model) => model.classify(photo)],
    ['memoryBytes', (model) => model.memoryBytes()],
    [
      'forwardHead',
      (model) => model.forwardHead({ data: new Float32Array(197 * 256), shape: [1, 197, 256] }),
    ],
  ];

  test.each(calls)('%s afterwards is an error', async (_, call) => {
    const model = await createModel(NANO);
    model.dispose();
    model.dispose(); // a second time is nothing
    const error = await call(model).catch((caught) => caught);
    expect(error).toBeInstanceOf(VitreousError);
    expect(error).toMatchObject({ code: 'DISPOSED', message: expect.stringContaining(NANO) });
    expect(model.config.name).toBe(NANO);
  });

  test.each(calls.slice(0, 6))('%s in flight is an error', async (_, call) => {
    const model = await createModel(NANO);
    const flying = call(model);
    model.dispose();
    await expect(flying).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('using', async () => {
    const model = await createModel(NANO);
    model[Symbol.dispose]();
    await expect(model.embed(photo)).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});

test('calls at the same time do not mix', async () => {
  const files = ['boats_rgb_320x200.png', 'acanthus_rgb_300x401.png', 'airplane_grey_320x200.png'].map(
    fixture,
  );
  const alone = [];
  for (const file of files) alone.push(await used.model.embed(file));
  expect(await Promise.all(files.map((file) => used.model.embed(file)))).toEqual(alone);
});

test('500 embeddings, loads that fail and models that go leave no memory behind', async () => {
  const { memory, rss } = await runScript('memory.mjs', { flags: ['--expose-gc'] });
  expect(new Set(memory.slice(2)).size).toBe(1); // after the second image not a byte
  expect(rss.embeddings).toBeLessThan(32 * 2 ** 20);
  expect(rss.models).toBeLessThan(64 * 2 ** 20); // ten models of 27 MB each came and went
});

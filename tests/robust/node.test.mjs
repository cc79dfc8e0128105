// In Node the engine is in the process itself: what it dies of is an error of the call, and the next one starts it anew.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fixture } from '../js/support/golden.mjs';
import { keptEngines, overwriteMemory } from './support/engines.mjs';

process.on('unhandledRejection', (error) => {
  throw error;
});
new Function(keptEngines)();
const { createModel } = await import('vitreous');
const { ImageIndex } = await import('vitreous/search');

const NANO = 'vit_nano_patch16_224';
const photo = fixture('boats_rgb_320x200.png');

for (const threads of [1, 2]) {
  test(`an engine of ${threads} thread(s) that traps`, async () => {
    const model = await createModel(NANO, { threads });
    const before = String(await model.embed(photo));
    overwriteMemory();
    await assert.rejects(model.embed(photo), (error) => {
      assert.match(error.code, /^(INTERNAL|OUT_OF_MEMORY)$/);
      assert.match(error.message, /The engine stopped: .*anew/);
      return true;
    });
    assert.equal(String(await model.embed(photo)), before);
    assert.equal(model.info.threads, threads);
    model.dispose();
    await assert.rejects(model.embed(photo), { code: 'DISPOSED' });
  });
}

test('an index in a file has its rows again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-robust-'));
  const model = await createModel(NANO);
  const index = await ImageIndex.open({ path: join(folder, 'a.vix'), model });
  await index.add({ id: 'boats', image: photo });
  overwriteMemory();
  await assert.rejects(model.embed(photo), /The engine stopped/);
  assert.equal((await index.search(photo))[0].id, 'boats');
  overwriteMemory();
  await assert.rejects(index.search(photo), /The engine stopped/);
  await index.add({ id: 'again', image: photo });
  assert.deepEqual(
    (await index.search(photo)).map(({ id }) => id),
    ['boats', 'again'],
  );
  await index.close();
  model.dispose();
  rmSync(folder, { recursive: true });
});

describe('maxMemory', () => {
  test('a model that does not fit is refused before it is read, with the way out', async () => {
    let read = 0;
    const weights = new ReadableStream({
      pull(stream) {
        read++;
        stream.close();
      },
    });
    await assert.rejects(
      createModel('vit_base_patch16_224.dino', { weights, maxMemory: 256 * 2 ** 20 }),
      (error) => {
        assert.equal(error.code, 'OUT_OF_MEMORY');
        assert.match(error.message, /needs about 3\d\d MB.* of 268 MB.*maxMemory.*dtype 'int8'/);
        return true;
      },
    );
    assert.ok(read <= 1, 'a stream may be asked for its first piece by itself');
  });

  for (const threads of [1, 2]) {
    test(`the memory of ${threads} thread(s) stays below it; batches are cut to fit`, async () => {
      const maxMemory = 48 * 2 ** 20;
      const free = await createModel(NANO, { dynamicImgSize: true, threads });
      const tight = await createModel(NANO, { dynamicImgSize: true, threads, maxMemory });
      const images = Array(8).fill(photo);
      const options = { imgSize: 384 };
      const expected = await free.forwardIntermediates(images, options);
      const cut = await tight.forwardIntermediates(images, options);
      assert.deepEqual(cut.features, expected.features);
      assert.deepEqual(cut.intermediates.at(-1), expected.intermediates.at(-1));
      assert.ok((await free.memoryBytes()) > maxMemory, `${await free.memoryBytes()}`);
      assert.ok((await tight.memoryBytes()) <= maxMemory, `${await tight.memoryBytes()}`);
      await assert.rejects(tight.embed(photo, { imgSize: 2048 }), (error) => {
        assert.equal(error.code, 'OUT_OF_MEMORY');
        return true;
      });
      assert.equal(String(await tight.embed(photo)), String(await free.embed(photo)));
      free.dispose();
      tight.dispose();
    });
  }

  test('what is no number of bytes is an error', async () => {
    for (const maxMemory of [0, -1, 1e6, 2 ** 40, Number.NaN, '64MB'])
      await assert.rejects(createModel(NANO, { maxMemory }), { code: 'INVALID_ARGUMENT' });
  });
});

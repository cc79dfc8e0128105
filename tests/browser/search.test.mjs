// Search in the page: every kind of image, parts of them, folders; and what stays.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AIRPLANE, ALLIUM, ALPS, BOATS, useModelInPage } from './support/fixture.mjs';

const shared = useModelInPage();

const KINDS = [
  'HTMLCanvasElement',
  'OffscreenCanvas',
  'ImageData',
  'ImageBitmap',
  'HTMLImageElement',
  'VideoFrame',
  'Blob',
  'File',
  'relative URL',
  'Pixels, RGB',
];

describe('a part of an image', () => {
  const region = { x: 40, y: 30, width: 150, height: 100 };

  test('is embedded as if it were cut out, whatever kind of image it is of', async () => {
    const distances = await shared.page.evaluate(
      async ([src, region, names]) => {
        const { x, y, width, height } = region;
        const cut = new OffscreenCanvas(width, height);
        cut.getContext('2d').drawImage(await loadImage(src), -x, -y);
        const expected = await model.embed(cut);
        const found = {};
        for (const name of names) {
          const image = await kinds[name](src);
          const own = await model.embed({ image, region });
          const again = await model.embed({ image, region }); // the caller's image is still the caller's
          found[name] = Math.max(
            ...own.map((value, i) => Math.max(Math.abs(value - expected[i]), Math.abs(value - again[i]))),
          );
        }
        return found;
      },
      [BOATS, region, KINDS],
    );
    for (const [name, distance] of Object.entries(distances)) assert.equal(distance, 0, name);
  });

  test('also where the engine runs on the page’s own thread', async () => {
    const same = await shared.page.evaluate(
      async ([src, region]) => {
        const here = await vitreous.createModel(NANO, { worker: false });
        const bitmap = await createImageBitmap(await loadImage(src));
        const expected = String(await model.embed({ image: bitmap, region }));
        const results = [];
        for (let i = 0; i < 2; i++)
          results.push(String(await here.embed({ image: bitmap, region })) === expected);
        here.dispose();
        return results;
      },
      [BOATS, region],
    );
    assert.deepEqual(same, [true, true]);
  });

  test('beyond the image is refused', async () => {
    for (const bad of [
      { ...region, width: 281 },
      { ...region, x: -1 },
      { ...region, height: 0 },
      { ...region, y: Number.NaN },
    ]) {
      const { code } = await shared.page.evaluate(
        ([src, region]) => errorOf(model.embed({ image: src, region })),
        [BOATS, bad],
      );
      assert.equal(code, 'INVALID_ARGUMENT', JSON.stringify(bad));
    }
  });
});

test('an index of photos is there after it was closed, and finds by photo, part and entry', async () => {
  const { page } = shared;
  const found = await page.evaluate(
    async ([boats, others]) => {
      const { ImageIndex } = await import('/vitreous/search.js');
      const first = await ImageIndex.open({ name: 'photos', model });
      await first.add(
        [boats, ...others].map((src) => ({ id: src, image: src, metadata: { length: src.length } })),
      );
      await first.close();
      const index = await ImageIndex.open({ name: 'photos', model });
      const best = async (query, options) => (await index.search(query, { k: 1, ...options }))[0].id;
      const results = {
        size: index.size,
        photo: await best(await kinds.HTMLCanvasElement(boats)),
        part: await best(boats, { region: { x: 20, y: 10, width: 280, height: 180 } }),
        entry: (await index.search({ id: boats }, { filter: (_, id) => id !== boats })).length,
      };
      const loaded = await ImageIndex.load(await index.saveBlob(), { model });
      results.loaded = loaded.size;
      await loaded.close();
      await index.close();
      await ImageIndex.delete('photos');
      return results;
    },
    [BOATS, [ALLIUM, AIRPLANE, ALPS]],
  );
  assert.deepEqual(found, { size: 4, photo: BOATS, part: BOATS, entry: 3, loaded: 4 });
});

test('a folder and a list of files, with bad ones', async () => {
  const results = await shared.page.evaluate(
    async ([boats, allium]) => {
      const { ImageIndex, indexFolder } = await import('/vitreous/search.js');
      const bytes = async (src) => (await fetch(src)).blob();
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('photos', { create: true });
      const inner = await folder.getDirectoryHandle('inner', { create: true });
      const write = async (where, name, content) => {
        const stream = await (await where.getFileHandle(name, { create: true })).createWritable();
        await stream.write(content);
        await stream.close();
      };
      await write(folder, 'boats.png', await bytes(boats));
      await write(inner, 'flower.png', await bytes(allium));
      await write(folder, 'bad.jpg', 'This is no picture.');
      await write(folder, 'notes.txt', 'nor is this');
      const index = await ImageIndex.create({ model });
      const short = ({ failed, ...counts }) => ({
        ...counts,
        failed: failed.map(({ id, error }) => [id, error.code]),
      });
      const first = short(await indexFolder(index, folder));
      await folder.removeEntry('bad.jpg');
      await inner.removeEntry('flower.png');
      const second = short(await indexFolder(index, folder));
      const files = [new File([await bytes(allium)], 'a.png', { type: 'image/png', lastModified: 5 })];
      const third = short(await indexFolder(index, files));
      const ids = [...index.ids()];
      await index.close();
      await root.removeEntry('photos', { recursive: true });
      return { first, second, third, ids };
    },
    [BOATS, ALLIUM],
  );
  const none = { added: 0, updated: 0, unchanged: 0, removed: 0, failed: [] };
  assert.deepEqual(results, {
    first: { ...none, added: 2, failed: [['bad.jpg', 'INVALID_IMAGE']] },
    second: { ...none, unchanged: 1, removed: 1 },
    third: { ...none, added: 1, removed: 1 },
    ids: ['a.png'],
  });
});

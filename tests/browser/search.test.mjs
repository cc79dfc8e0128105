// Search in the page: every kind of image, parts of them, folders; and what stays.
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fixture } from '../js/support/golden.mjs';
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
          image.close?.();
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
      const root = await navigator.storage.getDirectory();
      const file = await root.getFileHandle('photos.vix', { create: true });
      await index.saveFile(file);
      const fromFile = await ImageIndex.load(file, { model });
      results.fromFile = [...fromFile.ids()];
      await fromFile.close();
      await root.removeEntry('photos.vix');
      await index.close();
      await ImageIndex.delete('photos');
      return results;
    },
    [BOATS, [ALLIUM, AIRPLANE, ALPS]],
  );
  assert.deepEqual(found, {
    size: 4,
    photo: BOATS,
    part: BOATS,
    entry: 3,
    loaded: 4,
    fromFile: [BOATS, ALLIUM, AIRPLANE, ALPS],
  });
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

test('a folder and a file that are dropped, with all that is in them; again, when they are gone', async () => {
  const { page } = shared;
  const folder = await mkdtemp(join(tmpdir(), 'vitreous-drop-'));
  const at = (name) => join(folder, name);
  await mkdir(at('photos/inner/deep'), { recursive: true });
  // A folder is read in pieces of 100: these make several, and the images are in the last ones.
  for (let i = 0; i < 230; i++) await writeFile(at(`photos/inner/${i}.txt`), 'no image');
  const copy = (from, to) => copyFile(fixture(from.replace('fixtures/', '')), at(to));
  await copy(BOATS, 'photos/boats.png');
  await copy(ALLIUM, 'photos/inner/zz.png');
  await copy(AIRPLANE, 'photos/inner/deep/plane.PNG');
  await copy(ALPS, 'alps.jpg');
  await writeFile(at('photos/bad.jpg'), 'This is no picture.');

  await page.evaluate(async () => {
    const { ImageIndex, indexFolder } = await import('/vitreous/search.js');
    const index = await ImageIndex.create({ model });
    const totals = [];
    const short = ({ failed, ...counts }) => ({
      ...counts,
      failed: failed.map(({ id, error }) => [id, error.code]),
    });
    globalThis.dropped = { index, results: [] };
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      const { dataTransfer } = event;
      dropped.over = dataTransfer;
      const options = { onProgress: ({ total }) => totals.push(total) };
      dropped.results.push(
        indexFolder(index, dataTransfer, options).then((result) => ({
          ...short(result),
          total: totals.at(-1),
        })),
      );
    });
  });
  const cdp = await page.context().newCDPSession(page);
  const drop = async (...names) => {
    const data = { items: [], files: names.map(at), dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'])
      await cdp.send('Input.dispatchDragEvent', { type, x: 10, y: 10, data });
    return page.evaluate(() => dropped.results.at(-1));
  };
  const none = { added: 0, updated: 0, unchanged: 0, removed: 0 };
  const bad = { failed: [['photos/bad.jpg', 'INVALID_IMAGE']] };
  assert.deepEqual(await drop('photos', 'alps.jpg'), { ...none, added: 4, ...bad, total: 5 });
  assert.deepEqual((await page.evaluate(() => [...dropped.index.ids()])).sort(), [
    'alps.jpg',
    'photos/boats.png',
    'photos/inner/deep/plane.PNG',
    'photos/inner/zz.png',
  ]);
  await rm(at('photos/boats.png'));
  assert.deepEqual(await drop('photos'), { ...none, unchanged: 2, removed: 2, ...bad, total: 3 });
  // When the event is over nothing is left of it: that must not look like a folder that is empty.
  const late = await page.evaluate(async () => {
    const { indexFolder } = await import('/vitreous/search.js');
    const error = await errorOf(indexFolder(dropped.index, dropped.over));
    const { size } = dropped.index;
    await dropped.index.close();
    return { error, size };
  });
  assert.equal(late.error.code, 'INVALID_ARGUMENT');
  assert.match(late.error.message, /before any await/);
  assert.equal(late.size, 2);
  await rm(folder, { recursive: true });
});

test('the approximate index is built in the worker beside changes and searches', async () => {
  const order = await shared.page.evaluate(async () => {
    const { ImageIndex } = await import('/vitreous/search.js');
    const index = await ImageIndex.create({ dim: 64 });
    const vector = () => Float32Array.from({ length: 64 }, () => Math.random() - 0.5);
    const many = (from, count) =>
      Array.from({ length: count }, (_, i) => ({ id: `${from + i}`, vector: vector() }));
    await index.add(many(0, 5000));
    const order = [];
    const training = index.train({ lists: 500, iterations: 40 }).then(() => order.push('trained'));
    for (let i = 0; i < 10; i++) {
      await index.add(many(5000 + i, 1));
      order.push((await index.search(vector(), { k: 4 })).length);
    }
    await training;
    order.push(index.approximate, (await index.search({ id: '5009' }, { k: 1 }))[0].id);
    await index.close();
    return order;
  });
  assert.deepEqual(order, [...Array(10).fill(4), 'trained', true, '5009']);
});

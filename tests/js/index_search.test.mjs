// ImageIndex: what it finds, against NumPy; what its methods do; what another process or model may not.
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { ImageIndex } from '../../dist/node-search.mjs';
import { fixture } from './support/golden.mjs';
import { parseNpy } from './support/npy.mjs';

jest.setTimeout(180_000); // for a machine with other work

const golden = (name) => readFileSync(new URL(`../goldens/index/${name}`, import.meta.url));
const BOATS = fixture('boats_rgb_320x200.png');
const ALLIUM = fixture('allium_rgba_160x213.png');
const AIRPLANE = fixture('airplane_grey_320x200.png');

let model;
let scratch;
const open = [];
beforeAll(async () => {
  model = await createModel('vit_nano_patch16_224', { threads: 1 });
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-index-'));
});
afterAll(async () => {
  model.dispose();
  await rm(scratch, { recursive: true });
});
afterEach(async () => {
  for (const index of open.splice(0)) await index.close();
});
const kept = async (promise) => {
  const index = await promise;
  open.push(index);
  return index;
};

const create = (options) => kept(ImageIndex.create({ threads: 1, ...options }));
const load = (source, options) => kept(ImageIndex.load(source, { threads: 1, ...options }));
let files = 0;
const newPath = () => join(scratch, `${files++}.vix`);
const openAt = (path, options) => kept(ImageIndex.open({ path, dim: 4, threads: 1, ...options }));
const error = (code, message = /./) =>
  expect.objectContaining({ name: 'VitreousError', code, message: expect.stringMatching(message) });
const ids = (list) => list.map(({ id }) => id);

const points = [
  { id: 'east', vector: [1, 0, 0, 0], metadata: { kind: 'cat', year: 2019, tags: ['a', 'b'] } },
  { id: 'north', vector: [0, 1, 0, 0], metadata: { kind: 'dog', year: 2021 } },
  { id: 'northeast', vector: [1, 1, 0, 0], metadata: { kind: 'cat', year: 2023, tags: ['b'] } },
  { id: 'up', vector: [0, 0, 1, 0] },
];
const withPoints = async (options) => {
  const index = await create({ dim: 4, ...options });
  await index.add(points);
  return index;
};

describe('against NumPy', () => {
  const expected = JSON.parse(golden('found.json'));
  const { data, shape } = parseNpy(new Uint8Array(golden('queries.npy')), 'queries');
  const queries = Array.from({ length: shape[0] }, (_, i) => data.slice(i * shape[1], (i + 1) * shape[1]));

  test.each(Object.keys(expected))('%s, a file by its description: ids, order, scores', async (name) => {
    const index = await load(golden(`${name}.vix`));
    expect(index.size).toBe(60);
    const found = await index.searchMany(queries, { k: 10 });
    expect(found.map(ids)).toEqual(expected[name].ids);
    for (const [q, results] of found.entries()) {
      for (const [i, { score }] of results.entries())
        expect(score).toBeCloseTo(expected[name].scores[q][i], 5);
      expect(await index.search(queries[q], { k: 10 })).toEqual(results);
    }
  });

  test.each(['int8', 'binary'])('%s: the vectors of a file by its description', async (name) => {
    const index = await load(golden(`${name}.vix`));
    const stored = parseNpy(new Uint8Array(golden(`${name}.npy`)), name).data;
    const entries = await collected(index);
    expect(join32(entries.map(({ vector }) => vector))).toEqual(stored);
    expect(entries[30]).toMatchObject({ id: 'größe 30', metadata: { year: 2005 } });
  });

  test('what is saved is loaded, to the last bit, in every form', async () => {
    for (const options of [
      { storage: 'fp32' },
      { storage: 'int8', keep: false },
      { storage: 'int8' },
      { storage: 'binary' },
      { storage: 'binary', keep: false },
    ]) {
      const index = await create({ dim: shape[1], ...options });
      await index.add(queries.map((vector, i) => ({ id: `${i}`, vector, metadata: { i } })));
      await index.remove('3');
      const bytes = await index.save();
      const blob = await index.saveBlob();
      expect(new Uint8Array(await blob.arrayBuffer())).toEqual(bytes);
      for (const source of [bytes, bytes.buffer, blob]) {
        const copy = await load(source);
        expect(ids(await collected(copy))).toEqual(['0', '1', '2', '4', '5', '6', '7']);
        expect(await collected(copy)).toEqual(await collected(index));
        expect(await copy.search(queries[3])).toEqual(await index.search(queries[3]));
        await copy.add({ id: 'new', vector: queries[3] }); // it can go on
        expect(copy.size).toBe(8);
      }
    }
  });
});

const join32 = (vectors) => Float32Array.from(vectors.flatMap((vector) => [...vector]));

const collected = async (index) => {
  const all = [];
  for await (const entry of index) all.push(entry);
  return all;
};

describe('entries', () => {
  test('add, has, get, size, iteration', async () => {
    const index = await withPoints();
    expect(index.size).toBe(4);
    expect([index.has('up'), index.has('down')]).toEqual([true, false]);
    const { vector, ...rest } = await index.get('northeast');
    expect(rest).toEqual({ id: 'northeast', metadata: points[2].metadata });
    expect(vector).toEqual(Float32Array.of(Math.SQRT1_2, Math.SQRT1_2, 0, 0));
    expect(await index.get('down')).toBeUndefined();
    expect(ids(await collected(index))).toEqual(ids(points));
  });

  test('metadata are copies', async () => {
    const index = await create({ dim: 4 });
    const metadata = { list: [1] };
    await index.add({ id: 'a', vector: [1, 0, 0, 0], metadata });
    metadata.list.push(2);
    (await index.get('a')).metadata.list.push(3);
    (await index.search(Float32Array.of(1, 0, 0, 0)))[0].metadata.list.push(4);
    expect(index.metadata('a')).toEqual({ list: [1] });
  });

  test('upsert replaces, and then comes last; ties are in order', async () => {
    const index = await withPoints({ metric: 'dot' });
    await index.upsert([
      { id: 'east', vector: [0, 0, 1, 0] },
      { id: 'over', vector: [0, 0, 1, 0] },
    ]);
    expect(ids(await collected(index))).toEqual(['north', 'northeast', 'up', 'east', 'over']);
    const found = await index.search(Float32Array.of(0, 0, 2, 0), { k: 3 });
    expect(found).toEqual([
      { id: 'up', score: 2, metadata: undefined },
      { id: 'east', score: 2, metadata: undefined },
      { id: 'over', score: 2, metadata: undefined },
    ]);
  });

  test('remove, clear, compact', async () => {
    const index = await withPoints();
    expect(await index.remove(['north', 'north', 'nowhere'])).toBe(1);
    expect(ids(await index.search(Float32Array.of(0, 1, 0, 0)))).toEqual(['northeast', 'east', 'up']);
    await index.compact();
    expect(ids(await index.search(Float32Array.of(0, 1, 0, 0)))).toEqual(['northeast', 'east', 'up']);
    await index.clear();
    expect([index.size, await index.search(Float32Array.of(0, 1, 0, 0))]).toEqual([0, []]);
    await index.add(points);
    expect(index.size).toBe(4);
  });

  test('calls that overlap happen in order, and searches see whole changes', async () => {
    const index = await create({ dim: 4 });
    const work = [];
    for (let i = 0; i < 30; i++) {
      work.push(index.upsert(points.map((point) => ({ ...point, metadata: { i } }))));
      work.push(
        index.search(Float32Array.of(1, 1, 1, 0)).then((found) => {
          expect([0, 4]).toContain(found.length);
          expect(new Set(found.map(({ metadata }) => metadata.i)).size).toBeLessThanOrEqual(1);
        }),
      );
      if (i % 7 === 0) work.push(index.compact());
    }
    await Promise.all(work);
    expect((await collected(index)).map(({ metadata }) => metadata.i)).toEqual([29, 29, 29, 29]);
  });

  test.each([
    ['an id that is there', [{ id: 'new', vector: [1, 0, 0, 0] }, points[0]], /'east' already/],
    ['an id twice', [points[0], points[0]].map((point) => ({ ...point, id: 'x' })), /'x' is there twice/],
    ['a vector of another length', { id: 'x', vector: [1, 2] }, /4 numbers, not 2/],
    [
      'NaN',
      [
        { id: 'x', vector: [1, 0, 0, 0] },
        { id: 'y', vector: [Number.NaN, 0, 0, 0] },
      ],
      /./,
    ],
    ['a vector of zeros', { id: 'x', vector: [0, 0, 0, 0] }, /./],
    ['nothing to add', { id: 'x' }, /needs an image or a vector/],
    ['an image without a model', { id: 'x', image: BOATS }, /no model/],
    ['a number as id', { id: 7, vector: [1, 0, 0, 0] }, /string/],
    ['metadata that is no object', { id: 'x', vector: [1, 0, 0, 0], metadata: 'cat' }, /not an object/],
    ['metadata that JSON cannot', { id: 'x', vector: [1, 0, 0, 0], metadata: { n: 1n } }, /JSON/],
  ])('%s is refused, and nothing changes', async (_, entries, message) => {
    const index = await withPoints();
    const before = await collected(index);
    await expect(index.add(entries)).rejects.toEqual(error('INVALID_ARGUMENT', message));
    expect(await collected(index)).toEqual(before);
    await index.add({ id: 'z', vector: [0, 0, 0, 1] });
    expect(ids(await index.search(Float32Array.of(0, 0, 0, 1), { k: 1 }))).toEqual(['z']);
  });
});

describe('search', () => {
  test.each([
    [{ kind: 'cat' }, ['east', 'northeast']],
    [{ kind: 'cat', year: { gte: 2020 } }, ['northeast']],
    [{ year: { gt: 2019, lt: 2023 } }, ['north']],
    [{ tags: 'a' }, ['east']],
    [{ tags: { in: ['b', 'c'] } }, ['east', 'northeast']],
    [{ kind: { ne: 'cat' } }, ['north', 'up']],
    [(metadata, id) => metadata === undefined || id === 'north', ['north', 'up']],
    [() => false, []],
  ])('filter %j', async (filter, expected) => {
    const index = await withPoints();
    expect(ids(await index.search(Float32Array.of(1, 1, 1, 0), { filter })).sort()).toEqual(expected);
    expect(ids(await index.search(Float32Array.of(1, 1, 1, 0), { filter, k: 1 }))).toHaveLength(
      Math.min(1, expected.length),
    );
  });

  test('more than there are, none, and after all are gone', async () => {
    const query = Float32Array.of(1, 0, 0, 0);
    for (const approximate of [false, true]) {
      const index = await create({ dim: 4 });
      const asked = () => index.searchMany([query, query], { k: 100 });
      expect(await asked()).toEqual([[], []]);
      await index.add(points);
      if (approximate) await index.train({ lists: 2 });
      expect(index.approximate).toBe(approximate);
      for (const found of await asked()) expect(ids(found)).toEqual(['east', 'northeast', 'north', 'up']);
      expect(ids(await index.search(query, { k: 100, filter: { kind: 'dog' } }))).toEqual(['north']);
      await index.remove(ids(points));
      expect([await asked(), index.size, index.approximate]).toEqual([[[], []], 0, false]);
      await index.compact();
      expect(await asked()).toEqual([[], []]);
      await index.add(points[0]);
      expect(ids((await asked())[0])).toEqual(['east']);
      expect(await index.searchMany([])).toEqual([]);
    }
  });

  test('k, minScore', async () => {
    const index = await withPoints();
    const query = Float32Array.of(1, 0, 0, 0);
    expect(ids(await index.search(query, { k: 2 }))).toEqual(['east', 'northeast']);
    expect(ids(await index.search(query, { minScore: 0.5 }))).toEqual(['east', 'northeast']);
    expect(ids(await index.search(query, { minScore: 0.9 }))).toEqual(['east']);
  });

  test('by entry, and by several with weights', async () => {
    const index = await withPoints();
    expect(ids(await index.search({ id: 'up' }, { k: 1 }))).toEqual(['up']);
    const mixed = await index.search([{ id: 'east' }, { vector: [0, 5, 0, 0] }, { id: 'up', weight: -1 }]);
    expect(ids(mixed)).toEqual(['northeast', 'east', 'north', 'up']);
    expect(mixed[0].score).toBeCloseTo(2 / Math.sqrt(6), 6);
    expect(mixed[3].score).toBeCloseTo(-1 / Math.sqrt(3), 6);
  });

  test.each([
    [{ id: 'nowhere' }, {}, /no entry 'nowhere'/],
    [Float32Array.of(1), {}, /4 numbers, not 1/],
    [[], {}, /nothing in the array/],
    [undefined, {}, /Search by|no model/],
    [{ id: 'up' }, { k: 0 }, /k is/],
    [{ id: 'up' }, { minScore: Number.NaN }, /minScore/],
    [{ id: 'up' }, { filter: { year: { near: 3 } } }, /filter of 'year'/],
    [{ id: 'up' }, { region: { x: 0, y: 0, width: 1, height: 1 } }, /region is of an image/],
    [[{ id: 'up', weight: Number.NaN }], {}, /Weights/],
  ])('%j with %j is refused', async (query, options, message) => {
    const index = await withPoints();
    await expect(index.search(query, options)).rejects.toEqual(error('INVALID_ARGUMENT', message));
  });

  test('after close: DISPOSED', async () => {
    const index = await withPoints();
    await index.close();
    await index.close();
    await expect(index.search({ id: 'up' })).rejects.toEqual(error('DISPOSED'));
    await expect(index.add(points)).rejects.toEqual(error('DISPOSED'));
    expect(() => index.size).toThrow(error('DISPOSED'));
  });
});

describe('images', () => {
  test('are embedded by the model; a part finds what the part alone is', async () => {
    const index = await create({ model });
    await index.add([
      { id: 'boats', image: BOATS },
      { id: 'plane', image: AIRPLANE },
      { id: 'flower', image: ALLIUM, metadata: { kind: 'plant' } },
    ]);
    expect((await index.search(BOATS, { k: 1 }))[0]).toMatchObject({
      id: 'boats',
      score: expect.closeTo(1, 5),
    });
    expect(await index.search(ALLIUM, { k: 1, filter: { kind: 'plant' } })).toHaveLength(1);

    const region = { x: 100, y: 60, width: 120, height: 90 };
    const { data, info } = await cutOut(BOATS, region);
    const part = await model.embed({ data, width: info.width, height: info.height, channels: info.channels });
    expect(await index.search(BOATS, { region })).toEqual(await index.search(part));
    const whole = { x: 0, y: 0, width: 320, height: 200 };
    const best = await index.search(BOATS, { region: [region, whole] });
    const [byPart, byWhole] = [await index.search(part), await index.search(BOATS)];
    for (const { id, score } of best) {
      const scores = [byPart, byWhole].map((found) => found.find((other) => other.id === id).score);
      expect(score).toBe(Math.max(...scores));
    }
    await expect(index.search(BOATS, { region: { ...region, width: 900 } })).rejects.toEqual(
      error('INVALID_ARGUMENT', /320 × 200/),
    );
  });

  test('a bad one among good ones: none is added', async () => {
    const index = await create({ model });
    await expect(
      index.add([
        { id: 'boats', image: BOATS },
        { id: 'bad', image: '/no/such/photo.png' },
      ]),
    ).rejects.toEqual(error('INVALID_IMAGE'));
    expect(index.size).toBe(0);
    const controller = new AbortController();
    controller.abort();
    await expect(
      index.add({ id: 'boats', image: BOATS }, { signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

async function cutOut(file, { x, y, width, height }) {
  const { default: sharp } = await import('sharp');
  const pixels = sharp(file).extract({ left: x, top: y, width, height }).raw();
  return pixels.toBuffer({ resolveWithObject: true });
}

describe('a file', () => {
  test('is there the next time', async () => {
    const path = newPath();
    const first = await openAt(path);
    await first.add(points);
    await first.remove('up');
    await first.close();
    const second = await openAt(path, { dim: undefined });
    expect(second.recovered).toBeUndefined();
    expect(await collected(second)).toEqual((await collected(await withPoints())).slice(0, 3));
    expect((await readdir(scratch)).filter((name) => /lock|compact/.test(name))).toEqual([
      `${path.slice(scratch.length + 1)}.lock`,
    ]);
  });

  test('is written as a copy, and takes the place of an older one when it is whole', async () => {
    const index = await withPoints();
    const path = newPath();
    await index.saveFile(path);
    await index.remove('up');
    await index.saveFile(pathToFileURL(path));
    const copy = await openAt(path);
    expect(await collected(copy)).toEqual(await collected(index));
    expect(await collected(await load(path))).toEqual(await collected(index));
    await expect(index.saveFile(join(scratch, 'no/such/folder.vix'))).rejects.toEqual(error('WRITE_FAILED'));
  });

  test('shrinks by itself when more than half is gone', async () => {
    const path = newPath();
    const index = await openAt(path);
    const many = Array.from({ length: 1000 }, (_, i) => ({ id: `${i}`, vector: [1, i, i % 7, 1] }));
    await index.add(many);
    const before = readFileSync(path).length;
    await index.remove(many.slice(100).map(({ id }) => id));
    await index.refresh(); // after what is under way
    expect(readFileSync(path).length).toBeLessThan(before / 2);
    expect(ids(await collected(index))).toEqual(ids(many.slice(0, 100)));
    await index.add(many.slice(500));
    await index.close();
    expect((await openAt(path)).size).toBe(600);
  });

  test('one writes, others read what it has committed', async () => {
    const path = newPath();
    await expect(openAt(path, { readOnly: true })).rejects.toEqual(error('NOT_FOUND'));
    const writer = await openAt(path);
    await expect(openAt(path)).rejects.toEqual(error('INDEX_LOCKED', /readOnly/));
    const reader = await openAt(path, { readOnly: true });
    await expect(reader.add(points)).rejects.toEqual(error('INDEX_LOCKED'));
    await writer.add(points);
    expect(reader.size).toBe(0);
    expect(await reader.refresh()).toBe(true);
    expect(await collected(reader)).toEqual(await collected(writer));
    expect(await reader.refresh()).toBe(false);
    await writer.remove('north');
    await writer.compact();
    await writer.add({ id: 'later', vector: [0, 0, 0, 1] });
    expect(await reader.refresh()).toBe(true);
    expect(ids(await collected(reader))).toEqual(['east', 'northeast', 'up', 'later']);
    const waiting = openAt(path, { wait: true });
    await writer.close();
    await (await waiting).add({ id: 'next', vector: [1, 2, 3, 4] });
    await reader.refresh();
    expect(reader.has('next')).toBe(true);
  });

  test('of another model is refused, naming what differs', async () => {
    const path = newPath();
    const index = await kept(ImageIndex.open({ path, model }));
    await index.add({ id: 'boats', image: BOATS });
    await index.close();
    const other = await createModel('vit_nano_patch16_224', { threads: 1, dtype: 'int8' });
    const asked = { path, model: other, dim: undefined };
    await expect(openAt(path, asked)).rejects.toEqual(error('INDEX_MISMATCH', /dtype is fp32, not int8/));
    await (await openAt(path, { ...asked, force: true })).close();
    const larger = await createModel('vit_nano_patch16_224', { threads: 1, imgSize: 256 });
    await expect(openAt(path, { ...asked, model: larger })).rejects.toEqual(
      error('INDEX_MISMATCH', /dataConfig.inputSize is \[3,224,224\], not \[3,256,256\]/),
    );
    await expect(openAt(path, { model, dim: undefined, metric: 'dot' })).rejects.toEqual(
      error('INDEX_MISMATCH', /metric is cosine, not dot/),
    );
    await expect(openAt(path, { dim: 4 })).rejects.toEqual(error('INDEX_MISMATCH', /dim is 256, not 4/));
    const same = await openAt(path, { model, dim: undefined });
    expect((await same.search(BOATS))[0].id).toBe('boats');
    other.dispose();
    larger.dispose();
  });

  test('of the same model with other weights is refused', async () => {
    const trained = readFileSync(
      new URL('../../models/vit_nano_patch16_224/model.safetensors', import.meta.url),
    );
    const weights = new Uint8Array(trained);
    // Other numbers in the first linear layers, which stay finite.
    for (let i = weights.length - 3_000_000; i < weights.length - 1_000_000; i += 2) weights[i] ^= 0xff;
    const other = await createModel('vit_nano_patch16_224', { threads: 1, weights });
    const index = await create({ model: other });
    await expect(load(await index.save(), { model })).rejects.toEqual(
      error('INDEX_MISMATCH', /the weights are those of/),
    );
    const outside = await create({ dim: model.config.dim });
    await expect(load(await outside.save(), { model })).rejects.toEqual(
      error('INDEX_MISMATCH', /from outside/),
    );
    other.dispose();
  });
});

// The approximate index: what it finds, and that it comes by itself, beside everything else.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ImageIndex } from '../../dist/node-search.mjs';

jest.setTimeout(180_000); // for a machine with other work

let scratch;
const open = [];
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-approximate-'));
});
afterAll(() => rm(scratch, { recursive: true }));
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
const openAt = (path, options) => kept(ImageIndex.open({ path, threads: 1, ...options }));
const error = (code, message = /./) =>
  expect.objectContaining({ name: 'VitreousError', code, message: expect.stringMatching(message) });

// Clusters so near each other that some of the nearest lie in lists that are not looked at.
const dim = 16;
let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const near = (center, spread) => center.map((value) => value + spread * random());
const centers = Array.from({ length: 40 }, () => Array.from({ length: dim }, random));
const entries = Array.from({ length: 4000 }, (_, i) => ({
  id: `${i}`,
  vector: near(centers[i % 40], 0.9),
}));
const queries = Array.from({ length: 60 }, (_, i) => new Float32Array(near(centers[i % 40], 0.9)));
const ids = (results) => results.map((list) => list.map(({ id }) => id));

test('finds nearly all, grows, is kept, and can be left aside', async () => {
  const index = await create({ dim });
  await index.add(entries);
  const exact = ids(await index.searchMany(queries));
  await index.train({ lists: 64, seed: 7 });
  expect(ids(await index.searchMany(queries, { exact: true }))).toEqual(exact);
  const found = ids(await index.searchMany(queries));
  const same = found.flatMap((list, i) => list.filter((id) => exact[i].includes(id))).length;
  expect(same / 600).toBeGreaterThanOrEqual(0.95);
  expect(same).toBeLessThan(600); // it is approximate: what follows would prove nothing else

  await index.remove(['17']);
  await index.add({ id: 'later', vector: queries[0] });
  expect((await index.search(queries[0]))[0]).toMatchObject({ id: 'later' });
  const after = ids(await index.searchMany(queries));
  expect(after.flat()).not.toContain('17');

  const again = await load(await index.save());
  expect(ids(await again.searchMany(queries))).toEqual(after);
});

test('has as many lists as the root of its entries unless told otherwise, and never more than entries', async () => {
  const index = await create({ dim });
  await index.add(entries.slice(0, 100));
  await index.train();
  await expect(index.train({ lists: 101 })).rejects.toEqual(error('INVALID_ARGUMENT', /101/));
  expect(await index.search(queries[0], { k: 3 })).toHaveLength(3);
});

test('changes and searches go on while it is built', async () => {
  const index = await create({ dim });
  await index.add(entries);
  const exact = ids(await index.searchMany(queries, { exact: true }));
  const order = [];
  const note = (name) => order.push(name);
  const training = index.train({ lists: 500, iterations: 40 }).then(() => note('trained'));
  for (let i = 0; i < 20; i++) {
    await index.upsert({ id: entries[i].id, vector: entries[i].vector });
    note('changed');
    expect(ids(await index.searchMany(queries, { k: 3 })).flat().length).toBe(180);
    expect(index.approximate).toBe(order.includes('trained'));
  }
  const ticks = setInterval(() => note('tick'), 1);
  await training;
  clearInterval(ticks);
  expect(order.slice(0, 20)).toEqual(Array(20).fill('changed'));
  expect(order.filter((what) => what === 'tick').length).toBeGreaterThan(10); // this thread is free in between
  expect(order.at(-1)).toBe('trained');
  expect(index.approximate).toBe(true);
  expect(ids(await index.searchMany(queries, { exact: true }))).toEqual(exact);
});

describe('above 128 MB of what a search reads', () => {
  // Few and long vectors, around a few centers.
  const dim = 8192;
  const centers = Array.from({ length: 50 }, () => Float32Array.from({ length: dim }, random));
  const long = (n) => {
    const vector = centers[n % 50].slice();
    for (let i = 0; i < 2000; i++) vector[(i * 13 + n) % dim] += 2 * random();
    return { id: `${n}`, vector };
  };
  const fill = async (index, first, last) => {
    for (let n = first; n < last; n += 256)
      await index.add(Array.from({ length: Math.min(256, last - n) }, (_, i) => long(n + i)));
  };
  const whenApproximate = async (index) => {
    while (!index.approximate) await new Promise((done) => setTimeout(done, 20));
  };

  test('it comes by itself, stays, and readers use it', async () => {
    const path = join(scratch, 'large.vix');
    const first = await openAt(path, { dim });
    await fill(first, 0, 4096);
    expect(await first.refresh()).toBe(false); // it would have begun
    await new Promise((done) => setTimeout(done, 300));
    expect(first.approximate).toBe(false);
    await fill(first, 4096, 4100);
    await first.close(); // while it is built
    const reader = await openAt(path, { readOnly: true });
    const second = await openAt(path);
    expect([reader.approximate, second.approximate]).toEqual([false, false]);
    const ask = [long(5000), long(6001), long(7002)].map(({ vector }) => vector);
    const exact = ids(await second.searchMany(ask, { k: 5, exact: true }));
    await whenApproximate(second);
    expect(ids(await second.searchMany(ask, { k: 5 }))).toEqual(exact);
    await second.refresh(); // it is in the log as well
    expect(reader.approximate).toBe(false); // readers build none
    expect(await reader.refresh()).toBe(true);
    expect(reader.approximate).toBe(true);
    expect(ids(await reader.searchMany(ask, { k: 5 }))).toEqual(exact);
    await second.close();
    const third = await openAt(path);
    expect(third.approximate).toBe(true);
    await third.clear();
    expect(third.approximate).toBe(false);
    await third.close();
  });

  test('approximate: false has none', async () => {
    const index = await create({ dim, approximate: false });
    await fill(index, 0, 4200);
    await new Promise((done) => setTimeout(done, 300));
    expect(index.approximate).toBe(false);
    await expect(create({ dim, approximate: true })).rejects.toEqual(
      error('INVALID_ARGUMENT', /'auto' or false/),
    );
  });
});

// Bits flipped and ends cut off, at random places of an index: it opens with what is intact and says what was lost, or
// says that it is damaged; never is there another entry, or another vector. SEED=… repeats a run.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ImageIndex } from 'vitreous/search';
import { contents, DIM, difference, History, perform, randomNumbers } from './operations.mjs';

const PLACES = 200;
/** Changes in the log at least. */
const CHANGES = 12;
const QUERIES = [1, 22, 333];
/** Where a bit is flipped for certain: the log's first bytes, each copy of the header, and the last batch's commit. */
const CERTAIN = [() => 5, () => 40, () => moments[0].end - 40, () => bytes.length - 2];
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

let folder;
let bytes;
/** After each change that is in the log: where it ended, and what it meant. */
let moments;
let final;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitreous-damage-'));
  const path = join(folder, 'photos.vix');
  const index = await ImageIndex.open({ path, dim: DIM, metric: 'dot', threads: 1 });
  const history = new History(seed);
  const header = { end: (await stat(path)).size, state: new Map() };
  moments = [header];
  while (moments.length <= CHANGES || history.count < 40) {
    await perform(index, history.next());
    await index.refresh(); // not before a compaction that follows
    const moment = { end: (await stat(path)).size, state: new Map(history.state) };
    // A log written anew is the header and one batch.
    if (moment.end < moments.at(-1).end) moments = [header];
    if (moment.end > moments.at(-1).end) moments.push(moment);
  }
  await index.close();
  bytes = await readFile(path);
  final = moments.at(-1).state;
});
after(() => rm(folder, { recursive: true }));

const load = (damaged, options) => ImageIndex.load(damaged, { threads: 1, ...options });

async function loadedOrCode(damaged, options) {
  try {
    return { index: await load(damaged, options) };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}

function assertSame(state, found, where) {
  assert.equal(difference(state, found, QUERIES), undefined, `${where}, SEED=${seed}`);
}

test(`${PLACES} truncations: the last whole batch before counts, SEED=${seed}`, async () => {
  const random = randomNumbers(seed);
  for (let i = 0; i < PLACES; i++) {
    const size = Math.floor(random() * bytes.length);
    const { index, code } = await loadedOrCode(bytes.subarray(0, size));
    const last = moments.findLast(({ end }) => end <= size);
    if (last === undefined) {
      assert.equal(code, 'INDEX_CORRUPT', `cut at ${size}, in the header`);
      continue;
    }
    assert.ok(index, `cut at ${size}: ${code}`);
    assertSame(last.state, await contents(index, QUERIES), `cut at ${size}`);
    assert.equal(index.recovered?.bytes ?? 0, size - last.end);
    assert.equal(index.recovered?.batches ?? 0, size > last.end ? 1 : 0);
    await index.close();
  }
});

test(`${PLACES} flipped bits, SEED=${seed}`, async (t) => {
  const random = randomNumbers(seed + 1);
  const count = { refused: 0, cut: 0, harmless: 0, lost: 0, uncertain: 0 };
  for (let i = 0; i < PLACES; i++) {
    const somewhere = Math.floor(random() * bytes.length);
    const at = CERTAIN[i]?.() ?? somewhere;
    const where = `a bit of byte ${at}`;
    const damaged = Buffer.from(bytes);
    damaged[at] ^= 1 << Math.floor(random() * 8);

    const { index, code, message } = await loadedOrCode(damaged);
    // In the last batch's commit it looks like one that was not finished; between records it is nobody's.
    const expected = index?.recovered ? moments.at(-2).state : final;
    if (index) {
      assertSame(expected, await contents(index, QUERIES), where);
      if (index.recovered) assert.ok(at >= moments.at(-2).end, where);
      count[index.recovered ? 'cut' : 'harmless']++;
      await index.close();
    } else {
      count.refused++;
      assert.equal(code, 'INDEX_CORRUPT', `${where}: ${message}`);
      assert.match(message, /first bytes|damaged at byte \d+/);
    }

    const repaired = await load(damaged, { repair: true });
    const found = await contents(repaired, QUERIES);
    const { recovered } = repaired;
    await repaired.close();
    assert.deepEqual(found.bad, [], where);
    const state = new Map(found.ids.map((id, row) => [id, found.numbers[row]]));
    // What is there is what should be; what should be and is not, was said to be lost.
    for (const [id, n] of state)
      assert.ok(expected.get(id) === n || recovered?.uncertain, `${where}: ${id} is back`);
    const lost = [...expected.keys()].filter((id) => !state.has(id));
    if (code) assert.ok(recovered, `${where}: nothing is said`);
    if (lost.length > 0) assert.ok(recovered.batches >= 1 && recovered.bytes > 0, where);
    assertSame(state, found, `${where}, repaired`);
    count.lost += lost.length;
    count.uncertain += recovered?.uncertain ? 1 : 0;
  }
  t.diagnostic(JSON.stringify(count));
  assert.equal(count.uncertain, 0, 'one bit cannot hide what was removed');
});

for (const [place, at] of [
  ['first bytes', () => 5],
  ['header', () => 40],
  ['middle', () => Math.floor(bytes.length / 2)],
]) {
  test(`a file that is damaged in its ${place} is whole once it is repaired`, async () => {
    const path = join(folder, 'repaired.vix');
    const damaged = Buffer.from(bytes);
    damaged[at()] ^= 4;
    await writeFile(path, damaged);
    const options = { path, threads: 1 };
    await assert.rejects(ImageIndex.open(options), { code: 'INDEX_CORRUPT' });
    assert.deepEqual(await readFile(path), damaged);
    const repaired = await ImageIndex.open({ ...options, repair: true });
    assert.ok(repaired.recovered.places.some(({ from, to }) => from <= at() && at() < to));
    const before = await contents(repaired, QUERIES);
    await repaired.add({ id: 'new', vector: Array(DIM).fill(0.1), metadata: { n: 0 } });
    await repaired.close();
    const again = await ImageIndex.open(options);
    assert.equal(again.recovered, undefined);
    assert.deepEqual((await contents(again, QUERIES)).ids, [...before.ids, 'new']);
    await again.close();
  });
}

test('a torn end is dropped for good', async () => {
  const path = join(folder, 'torn.vix');
  await writeFile(path, bytes.subarray(0, bytes.length - 9));
  const options = { path, threads: 1 };
  const torn = await ImageIndex.open(options);
  assert.equal(torn.recovered.batches, 1);
  await torn.add({ id: 'new', vector: Array(DIM).fill(0.1) });
  await torn.close();
  const again = await ImageIndex.open(options);
  assert.equal(again.recovered, undefined);
  assert.deepEqual([...again.ids()], [...moments.at(-2).state.keys(), 'new']);
  await again.close();
});

test('what is no index is refused, and left as it is', async () => {
  for (const [name, content] of [
    ['empty', ''],
    ['text', 'This is no index, and was never one.'],
    ['noise', Buffer.alloc(5000, 0x56)],
  ]) {
    const path = join(folder, name);
    await writeFile(path, content);
    for (const repair of [false, true])
      await assert.rejects(
        ImageIndex.open({ path, dim: DIM, repair, threads: 1 }),
        { code: 'INDEX_CORRUPT' },
        name,
      );
    assert.equal(String(await readFile(path)), String(content));
  }
});

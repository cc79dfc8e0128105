// Several tabs on one index, and a disk that is full.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ImageIndex } from 'vitreous/search';
import { launchChromium } from '../browser/support/chromium.mjs';
import { openSite, startTestSite } from '../browser/support/site.mjs';
import { contents, DIM, difference, History } from './operations.mjs';

const QUERIES = [1, 22];
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

describe('Chromium', () => {
  let browser;
  let site;
  before(async () => {
    browser = await launchChromium();
    site = await startTestSite({ files: { 'operations.mjs': await readFile(here('operations.mjs')) } });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Tabs of one storage, each with what the tests call. */
  async function tabs(count) {
    const first = await openSite(browser, site.url);
    const pages = [first.page];
    while (pages.length < count) {
      pages.push(await first.page.context().newPage());
      await pages.at(-1).goto(site.url);
    }
    for (const page of pages) {
      await page.evaluate(async (dim) => {
        const [{ ImageIndex }, operations] = await Promise.all([
          import('/vitreous/search.js'),
          import('/operations.mjs'),
        ]);
        Object.assign(globalThis, operations, {
          ImageIndex,
          openIndex: async (name, options) => {
            globalThis.index = await ImageIndex.open({ name, dim, metric: 'dot', ...options });
          },
        });
      }, DIM);
    }
    return { pages, problems: first.problems, close: () => first.page.context().close() };
  }

  /** In a page: so many changes of a history, and searches between them. */
  const change = (page, seed, from, count) =>
    page.evaluate(
      async ([seed, from, count, queries]) => {
        const history = new History(seed, from);
        const searches = [];
        for (let i = 0; i < count; i++) {
          const done = perform(index, history.next());
          searches.push(index.searchMany(queries.map(vectorOf), { k: 3 }));
          await done;
        }
        await Promise.all(searches);
      },
      [seed, from, count, QUERIES],
    );
  const contentsIn = (page) => page.evaluate((queries) => contents(index, queries), QUERIES);

  test('a second writer is refused, or waits; readers follow by themselves', async () => {
    const { pages, problems, close } = await tabs(3);
    const [writer, other, reader] = pages;
    await writer.evaluate(() => openIndex('shared'));
    const refused = await other.evaluate(() => errorOf(openIndex('shared')));
    assert.equal(refused.code, 'INDEX_LOCKED');
    await reader.evaluate(() => openIndex('shared', { readOnly: true }));
    const searching = reader.evaluate(async (queries) => {
      let searches = 0;
      while (!globalThis.enough) {
        for (const results of await index.searchMany(queries.map(vectorOf), { k: 3 }))
          for (let i = 1; i < results.length; i++)
            if (results[i].score > results[i - 1].score) throw new Error('order');
        searches++;
      }
      return searches;
    }, QUERIES);

    const second = other.evaluate(() => openIndex('shared', { wait: true }));
    await change(writer, 5, 0, 40);
    await writer.evaluate(() => index.close());
    await second;
    await change(other, 5, 40, 40);
    const { state } = new History(5, 80);
    assert.equal(difference(state, await contentsIn(other), QUERIES), undefined);
    await reader.waitForFunction(
      ([size, last]) => index.size === size && (last === null || index.has(last)),
      [state.size, [...state.keys()].at(-1) ?? null],
    );
    await reader.evaluate(() => {
      globalThis.enough = true;
    });
    assert.ok((await searching) > 5);
    await reader.evaluate(() => index.refresh());
    assert.equal(difference(state, await contentsIn(reader), QUERIES), undefined);
    assert.deepEqual(problems, []);
    await close();
  });

  test('an index is deleted, but not under a writer', async () => {
    const { pages, close } = await tabs(1);
    const [page] = pages;
    await page.evaluate(() => openIndex('gone'));
    await change(page, 3, 0, 5);
    assert.equal((await page.evaluate(() => errorOf(ImageIndex.delete('gone')))).code, 'INDEX_LOCKED');
    await page.evaluate(() => index.close());
    await page.evaluate(() => ImageIndex.delete('gone'));
    assert.equal(
      (await page.evaluate(() => errorOf(openIndex('gone', { readOnly: true })))).code,
      'NOT_FOUND',
    );
    await close();
  });

  test('quota exhausted in mid-save: STORAGE_FULL, the state as before, and usable', async () => {
    const { pages, close } = await tabs(1);
    const [page] = pages;
    // Before anything is written: Chromium remembers for a while how much room there was.
    const session = await page.context().newCDPSession(page);
    const origin = new URL(site.url).origin;
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 6e6 });
    await page.evaluate(() => openIndex('full'));
    await change(page, 9, 0, 10);
    const error = await page.evaluate(async () => {
      // Nothing that the database could compress.
      const many = Array.from({ length: 5000 }, (_, i) => ({
        id: `${i}`,
        vector: vectorOf(i),
        metadata: { text: String(crypto.getRandomValues(new Uint32Array(50))) },
      }));
      for (let round = 0; ; round++) {
        const size = index.size;
        const failed = await errorOf(
          index.add(many.map((entry) => ({ ...entry, id: `${round} ${entry.id}` }))),
        );
        if (failed.code === 'none' && round < 20) continue;
        return { ...failed, same: index.size === size, round };
      }
    });
    assert.equal(error.code, 'STORAGE_FULL', JSON.stringify(error));
    assert.ok(error.same);
    const before = await page.evaluate(() => [...index.ids()].length);
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await page.evaluate(() => index.add({ id: 'after', vector: vectorOf(1), metadata: { n: 1 } }));
    await page.evaluate(async () => {
      await index.close();
      await openIndex('full');
    });
    const after = await page.evaluate(() => ({
      size: index.size,
      recovered: index.recovered,
      has: index.has('after'),
    }));
    assert.deepEqual(after, { size: before + 1, recovered: undefined, has: true });
    await close();
  });
});

test('Node, a disk that is full: STORAGE_FULL, the state as before, and usable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vitreous-full-'));
  const path = join(folder, 'photos.vix');
  // The shell's limit, in blocks of 1 kB, is a disk that has no more.
  const flags = process.execArgv.filter((flag) => /wasm|liftoff/.test(flag));
  const command = [
    'ulimit -f 150; exec "$@"',
    'sh',
    process.execPath,
    ...flags,
    here('writer.mjs'),
    path,
    '4',
    '0',
    'full',
  ];
  const child = spawn('bash', ['-c', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const data of child.stdout) output += data;
  const { code, count, same } = JSON.parse(output.trimEnd().split('\n').at(-1));
  assert.equal(code, 'STORAGE_FULL');
  assert.ok(same, 'the index is as it was before');
  assert.ok((await stat(path)).size <= 150 * 1024);
  const index = await ImageIndex.open({ path, dim: DIM, metric: 'dot', threads: 1 });
  assert.equal(index.recovered, undefined);
  assert.equal(
    difference(new History(4, count, { trains: true }).state, await contents(index, QUERIES), QUERIES),
    undefined,
  );
  await index.close();
  await rm(folder, { recursive: true });
});

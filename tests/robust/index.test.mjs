// What was in an engine that died: a kept index has it again by itself, what was in memory only says that it is lost.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertError, BOATS, useModelInPage } from '../browser/support/fixture.mjs';
import { endWorker } from './support/engines.mjs';

const shared = useModelInPage();

/** Runs in the page with a model of the test's own, whose worker is the last. */
const inPage = (f, arg) => shared.page.evaluate(f, arg);
const kill = () => endWorker(shared.page);

/** An index of 300 vectors that are unlike each other, and a query; in the page as `index` and `query`. */
async function open(where) {
  await inPage(async (where) => {
    globalThis.search = await import('/vitreous/search.js');
    const vector = (seed) => Float32Array.from({ length: 8 }, (_, i) => Math.sin(seed * 7.7 + i * i));
    globalThis.entries = (from, count) =>
      Array.from({ length: count }, (_, i) => ({ id: `${from + i}`, vector: vector(from + i) }));
    globalThis.query = vector(123.5);
    globalThis.ids = async () => (await index.search(query, { k: 20 })).map(({ id }) => id).join();
    if (where === 'kept') await search.ImageIndex.delete('crashes');
    globalThis.index = await (where === 'kept'
      ? search.ImageIndex.open({ name: 'crashes', dim: 8, threads: 1 })
      : search.ImageIndex.create({ dim: 8, threads: 1 }));
    await index.add(entries(0, 300));
    await index.remove(['5', '6']);
    globalThis.before = await ids();
  }, where);
}
const close = () => inPage(() => index.close());

describe('an index that is kept', () => {
  test('is there after its engine has died: searches, changes, what was trained', async () => {
    await open('kept');
    await inPage(() => index.train({ lists: 4 }));
    await kill();
    assert.equal(await inPage(async () => (await ids()) === before), true);
    await kill();
    await inPage(() => index.add(entries(1000, 3)));
    await kill();
    const { size, vector, exported } = await inPage(async () => ({
      size: index.size,
      vector: (await index.get('1001')).vector.length,
      exported: (await index.save()).length,
    }));
    assert.deepEqual([size, vector], [301, 8]);
    assert.ok(exported > 301 * 8 * 4);
    await close();
  });

  test('all at once, while it dies: every change that was acknowledged is there, each whole', async () => {
    await open('kept');
    await inPage(() => {
      globalThis.changes = Array.from({ length: 30 }, (_, i) =>
        index.add(entries(2000 + 10 * i, 10)).then(
          () => true,
          (error) => error.code,
        ),
      );
      globalThis.searches = Array.from({ length: 10 }, () => errorOf(ids()));
    });
    await kill();
    const { outcomes, found, there } = await inPage(async () => ({
      outcomes: await Promise.all(changes),
      found: (await Promise.all(searches)).map(({ code }) => code),
      there: Array.from(
        { length: 30 },
        (_, i) => entries(2000 + 10 * i, 10).filter(({ id }) => index.has(id)).length,
      ),
    }));
    for (const [i, outcome] of outcomes.entries()) {
      assert.ok(outcome === true || outcome === 'WORKER_FAILED', `change ${i}: ${outcome}`);
      assert.equal(there[i], outcome === true ? 10 : 0, `change ${i}: ${outcome}`);
    }
    for (const code of found) assert.match(code, /none|WORKER_FAILED/);
    // And so it is on the disk.
    const size = await inPage(() => index.size);
    await close();
    await inPage(async () => {
      globalThis.index = await search.ImageIndex.open({ name: 'crashes', threads: 1 });
    });
    assert.equal(await inPage(() => index.size), size);
    assert.equal(await inPage(() => index.recovered), undefined);
    await close();
  });
});

describe('in memory only', () => {
  test('an index says that it is lost, until it is cleared', async () => {
    await open('memory');
    await kill();
    for (const call of ['search', 'add', 'get', 'save', 'duplicates']) {
      const error = await inPage(
        (call) =>
          errorOf(
            { search: () => ids(), add: () => index.add(entries(900, 1)), get: () => index.get('1') }[
              call
            ]?.() ?? index[call](),
          ),
        call,
      );
      assertError(error, 'WORKER_FAILED', /in memory only.*clear\(\)/);
    }
    const again = await inPage(async () => {
      await index.clear();
      const { size } = index;
      await index.add(entries(0, 300));
      await index.remove(['5', '6']);
      return [size, (await ids()) === before];
    });
    assert.deepEqual(again, [0, true]);
    await close();
  });

  test('an index that was loaded has it again from its bytes, as long as nothing was changed', async () => {
    await open('memory');
    await inPage(async () => {
      const bytes = await index.save();
      await index.close();
      globalThis.index = await search.ImageIndex.load(bytes, { threads: 1 });
    });
    await kill();
    assert.equal(await inPage(async () => (await ids()) === before), true);
    await inPage(() => index.add(entries(900, 1)));
    await kill();
    assertError(await inPage(() => errorOf(ids())), 'WORKER_FAILED', /in memory only/);
    await close();
  });

  test('k-NN and label propagation say so too, and never mix with what is new; the model goes on', async () => {
    const errors = await inPage(async (src) => {
      const recipes = await import('/vitreous/recipes.js');
      globalThis.other = await vitreous.createModel(NANO, { threads: 1 });
      globalThis.knn = new recipes.KnnClassifier(other);
      await knn.add([src, src], ['a', 'b']);
      globalThis.video = new recipes.LabelPropagation(other);
      globalThis.mask = { data: new Uint8Array(64 * 64).fill(1), width: 64, height: 64 };
      await video.start(src, mask);
    }, BOATS);
    assert.equal(errors, undefined);
    await kill();
    const seen = await inPage(async (src) => {
      const recipes = await import('/vitreous/recipes.js');
      const fresh = new recipes.KnnClassifier(other);
      await fresh.add(src, 'new');
      const lost = [
        await errorOf(knn.predict(src)),
        await errorOf(knn.add(src, 'c')),
        await errorOf(video.next(src)),
      ];
      knn.dispose();
      await knn.add(src, 'after');
      await video.start(src, mask);
      const [best] = await knn.predict(src);
      const { labels } = await video.next(src);
      const same = String(await other.embed(src)) === first;
      other.dispose();
      return { lost, best: best.label, labels: labels.shape, same };
    }, BOATS);
    for (const error of seen.lost) assertError(error, 'WORKER_FAILED', /make the object anew/);
    assert.deepEqual([seen.best, seen.labels, seen.same], ['after', [14, 14], true]);
  });
});

// An engine that dies, in every way that a browser has: calls in flight are told, the next call starts it anew.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { assertError, assertWorkers, BOATS, useModelInPage } from '../browser/support/fixture.mjs';
import { ISOLATION } from '../browser/support/site.mjs';
import { nanoFile } from '../js/support/safetensors.mjs';
import { endWorker, keptEngines, overwriteMemory } from './support/engines.mjs';

const dist = (name) => readFileSync(new URL(`../../dist/${name}`, import.meta.url));
let broken = false;
const files = {
  'model.safetensors': (response) => createReadStream(nanoFile).pipe(response),
  'sometimes.safetensors': (response) =>
    broken ? response.writeHead(403).end() : createReadStream(nanoFile).pipe(response),
};
for (const name of ['index.js', 'worker.js']) files[`kept/${name}`] = `${keptEngines}\n${dist(name)}`;
const shared = useModelInPage({ files, headers: ISOLATION, copy: 'kept' });

/** Runs in the page with another model, `other`, which is there between calls. */
const inPage = (f, ...args) => shared.page.evaluate(f, [BOATS, ...args]);
const create = (options = {}) =>
  shared.page.evaluate(async (options) => {
    globalThis.other = await vitreous.createModel(NANO, { threads: 1, ...options });
  }, options);
const dispose = () => shared.page.evaluate(() => other.dispose());
/** The worker that started last, and has no threads. */
const worker = () => shared.page.workers().at(-1);
const embedding = () => inPage(async ([src]) => String(await other.embed(src)));
const first = () => shared.page.evaluate(() => globalThis.first);

describe('a worker that ends', () => {
  const ends = {
    'without a word': () => endWorker(shared.page),
    'with an error': () =>
      worker().evaluate(() => {
        setTimeout(() => {
          throw new Error('this worker has had enough');
        });
      }),
  };
  for (const [how, end] of Object.entries(ends)) {
    test(`${how}: the call in flight is told, the next one starts another`, async () => {
      const before = shared.page.workers().length;
      await create();
      // A download that hangs keeps a call open, and the worker's loop free to be ended.
      await inPage(() => {
        globalThis.flying = errorOf(other.embed('hanging.png'));
      });
      await end();
      assertError(await shared.page.evaluate(() => flying), 'WORKER_FAILED', /The worker stopped.*anew/);
      assert.equal(await embedding(), await first());
      await assertWorkers(shared.page, before + 1);
      await dispose();
      await assertWorkers(shared.page, before);
    });
  }
  files['hanging.png'] = () => {};

  test('between calls: nobody notices, also not how its classifier was set', async () => {
    await create();
    await inPage(() =>
      other.resetClassifier(2, 'avg', {
        weight: { data: Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)), shape: [2, 256] },
        bias: { data: Float32Array.of(1, 2), shape: [2] },
      }),
    );
    const logits = () => inPage(async ([src]) => Array.from((await other.forward(src)).data));
    const before = await logits();
    await endWorker(shared.page);
    assert.deepEqual(await logits(), before);
    assert.equal(before.length, 2);
    await dispose();
  });
});

describe('model.restart()', () => {
  test('of a model that lives: progress, calls in flight end, the same numbers, no more workers', async () => {
    const before = shared.page.workers().length;
    await create({ weights: 'model.safetensors' });
    const { error, stages, info } = await inPage(async ([src]) => {
      const flying = errorOf(other.embed(src));
      const stages = new Set();
      await other.restart({ onProgress: ({ stage, cached }) => stages.add(`${stage} ${cached}`) });
      return { error: await flying, stages: [...stages], info: other.info };
    });
    assertError(error, 'WORKER_FAILED', /restarted/);
    assert.ok(stages.includes('download true'), `from the cache: ${stages}`);
    assert.equal(info.worker, true);
    assert.equal(await embedding(), await first());
    await assertWorkers(shared.page, before + 1);
    await dispose();
  });

  test('by a signal that fires: ABORTED, and the next call restarts it', async () => {
    await create();
    const error = await inPage(() => errorOf(other.restart({ signal: AbortSignal.abort() })));
    assert.equal(error.code, 'ABORTED');
    const late = await inPage(() => {
      const controller = new AbortController();
      const restart = errorOf(other.restart({ signal: controller.signal }));
      controller.abort();
      return restart;
    });
    assert.equal(late.code, 'ABORTED');
    assert.equal(await embedding(), await first());
    await dispose();
  });

  test('disposed of meanwhile', async () => {
    const before = shared.page.workers().length;
    await create();
    const [error, later] = await inPage(async () => {
      const restart = errorOf(other.restart());
      other.dispose();
      return [await restart, await errorOf(other.restart())];
    });
    for (const each of [error, later]) assertError(each, 'DISPOSED', /disposed of/);
    await assertWorkers(shared.page, before);
  });

  for (const [what, lasts] of Object.entries({ Blob: true, Uint8Array: false, Response: false })) {
    test(`weights from a ${what}`, async () => {
      await inPage(async ([, what]) => {
        const response = await fetch('model.safetensors');
        const weights =
          what === 'Response'
            ? response
            : what === 'Blob'
              ? await response.blob()
              : new Uint8Array(await response.arrayBuffer());
        globalThis.other = await vitreous.createModel(NANO, { weights, threads: 1 });
      }, what);
      if (!lasts) {
        const error = await inPage(() => errorOf(other.restart()));
        assertError(error, 'WORKER_FAILED', /URL, Blob or File/);
        assert.equal(await embedding(), await first()); // it lives on
      }
      await endWorker(shared.page);
      const after = await inPage(([src]) => errorOf(other.embed(src)));
      if (lasts) assert.deepEqual(after, { code: 'none' });
      else assertError(after, 'WORKER_FAILED', /ended from outside.*URL, Blob or File/s);
      await dispose();
    });
  }
});

test('a restart that fails is that call’s error; the next one tries once more', async () => {
  const requests = () => shared.site.requests.filter((url) => url.includes('sometimes')).length;
  await create({ weights: 'sometimes.safetensors', cache: false });
  await endWorker(shared.page);
  broken = true;
  const before = requests();
  for (let i = 0; i < 2; i++) {
    const error = await inPage(([src]) => errorOf(other.embed([src, src])));
    assertError(error, 'UNAUTHORIZED', /sometimes/);
  }
  assert.equal(requests() - before, 2, 'one request a call');
  broken = false;
  assert.equal(await embedding(), await first());
  await dispose();
});

describe('an engine that traps', () => {
  for (const threads of [1, 2]) {
    test(`with its memory overwritten, ${threads} thread(s): a typed error, and the next call has it anew`, async () => {
      const before = shared.page.workers().length;
      const info = await inPage(async ([, threads]) => {
        const kept = await import('/kept/index.js');
        globalThis.other = await kept.createModel(NANO, { threads });
        return other.info;
      }, threads);
      assert.equal(info.threads, threads);
      assert.equal(await embedding(), await first());
      await shared.page.workers()[before].evaluate(overwriteMemory); // its threads come after it
      const error = await inPage(([src]) => errorOf(other.embed(src)));
      assert.match(error.code, /^(INTERNAL|OUT_OF_MEMORY)$/, error.message);
      assert.match(error.message, /The engine stopped: .*anew/);
      assert.equal(await embedding(), await first());
      await dispose();
    });
  }
});

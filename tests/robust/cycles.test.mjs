// A hundred models made and disposed of leave nothing behind; models side by side do not disturb each other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createModel } from 'vitreous';
import { assertWorkers, BOATS, inNode, useModelInPage } from '../browser/support/fixture.mjs';
import { ISOLATION } from '../browser/support/site.mjs';
import { fixture } from '../js/support/golden.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const CYCLES = 100;
const AFTER = [10, 40, 70, 100];
// What the allocators of a process keep for themselves; a model left behind would be 25 MB, a worker 5 or more.
const SLACK = 40e6;

const shared = useModelInPage({ headers: ISOLATION });

/** Bytes of a process's own memory, what it shares left out. */
function privateBytes(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)[1]);
  return (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024;
}

async function rendererBytes() {
  const session = await shared.browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  return pids.reduce((sum, pid) => sum + privateBytes(pid), 0);
}

function assertFlat(t, bytes) {
  const megabytes = bytes.map((size) => Math.round(size / 1e6));
  t.diagnostic(`MB after ${AFTER.join(', ')} cycles: ${megabytes.join(', ')}`);
  assert.ok(Math.max(...bytes) - bytes[0] < SLACK, `it grows: ${megabytes} MB`);
}

test(`${CYCLES} times create, embed, dispose in Chromium`, { timeout: 900_000 }, async (t) => {
  const workers = shared.page.workers().length;
  const session = await shared.page.context().newCDPSession(shared.page);
  const bytes = [];
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    const same = await shared.page.evaluate(
      async ([src, threads]) => {
        const other = await vitreous.createModel(NANO, { threads });
        const same = String(await other.embed(src)) === first;
        other.dispose();
        return same;
      },
      [BOATS, 1 + (cycle % 2)],
    );
    assert.ok(same, `cycle ${cycle}`);
    if (!AFTER.includes(cycle)) continue;
    await assertWorkers(shared.page, workers);
    await session.send('HeapProfiler.collectGarbage');
    bytes.push(await rendererBytes());
  }
  await session.detach();
  assertFlat(t, bytes);
});

test(`${CYCLES} times create, embed, dispose in Node`, { timeout: 900_000 }, async (t) => {
  const bytes = [];
  const expected = String(await inNode(shared, BOATS));
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    const model = await createModel('vit_nano_patch16_224', { threads: 1 + (cycle % 2) });
    assert.equal(String(await model.embed(fixture('boats_rgb_320x200.png'))), expected);
    model.dispose();
    if (!AFTER.includes(cycle)) continue;
    for (let i = 0; i < 3; i++) {
      await setTimeout(100); // the threads' end
      collectGarbage();
    }
    bytes.push(privateBytes(process.pid));
  }
  assertFlat(t, bytes);
});

test('models side by side: two, of other arithmetic and head, their calls mixed, one disposed of amid them', async () => {
  const results = await shared.page.evaluate(async (src) => {
    const int8 = await vitreous.createModel(NANO, { dtype: 'int8' });
    const alone = String(await int8.embed(src));
    const headless = await vitreous.createModel(NANO, { numClasses: 0, threads: 1 });
    const calls = Array.from({ length: 12 }, (_, i) => (i % 2 ? model : int8).embed([src, src, src]));
    const third = errorOf(headless.embed(Array(16).fill(src)));
    await calls[2];
    headless.dispose();
    const mixed = (await Promise.all(calls)).map((rows) => rows.map(String));
    int8.dispose();
    return { alone, mixed, third: await third };
  }, BOATS);
  const own = await shared.page.evaluate(() => first);
  for (const [i, rows] of results.mixed.entries())
    for (const row of rows) assert.equal(row === (i % 2 ? own : results.alone), true, `call ${i}`);
  assert.notEqual(own, results.alone);
  assert.equal(results.third.code, 'DISPOSED');
});

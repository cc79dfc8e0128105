// Several tabs, and tabs that are killed: no byte comes twice, but for the few that a killed tab had not kept yet.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromiumDriver } from './drivers.mjs';
import { repository } from './model.mjs';
import { startFaultServer } from './server.mjs';
import { useDriver } from './steps.mjs';

const KILLS = 10;
const dripping = (bytes, ms) => ({ standing: { drip: { bytes, ms } } });

const repo = await repository({ dim: 384, depth: 3, heads: 6 }); // 22 MB
const size = repo.checkpoint.length;
const server = await startFaultServer(repo);
after(() => server.close());
const requests = () => server.log.filter(({ file }) => file === 'model');
const served = () => requests().reduce((sum, { sent }) => sum + sent, 0);

for (const [where, options] of [
  ['worker and OPFS', {}],
  ['the page’s thread and Cache API', { worker: false }],
]) {
  describe(`Chromium, ${where}`, () => {
    const shared = useDriver(() => chromiumDriver(server, options), server, repo, { before, after });

    test('two tabs, one download', async () => {
      const { driver, reference } = shared;
      await driver.clear();
      server.set(dripping(1 << 17, 5));
      const other = await driver.openTab();
      const both = await Promise.all([driver.load(), driver.loadIn(other)]);
      assert.deepEqual(both.map(({ cached }) => cached).sort(), [false, true]);
      for (const { embedding, message } of both) assert.equal(embedding, reference, message);
      assert.equal(requests().length, 1);
      assert.equal(served(), size);
      await other.close();
    });
  });
}

describe('Chromium, tabs that die', () => {
  const shared = useDriver(() => chromiumDriver(server), server, repo, { before, after });

  test(`${KILLS} times at a random byte, then a load: at most 110 % of the file`, async (t) => {
    const { driver, reference } = shared;
    const context = await driver.newContext();
    // Slowly, as what is under way when a tab dies is lost.
    server.set(dripping(1 << 14, 10));
    const places = [];
    for (let left = KILLS; left > 0; left--) {
      const at = places.at(-1) ?? 0;
      // Not in the last tenth, which may be there before the tab is killed.
      const place = at + (Math.random() * 2 * Math.max(0, 0.9 * size - at)) / (left + 2);
      const tab = await driver.openTab(context);
      driver.loadIn(tab).catch(() => {}); // it dies with the tab
      await tab.waitForFunction((place) => globalThis.loaded >= place, place);
      places.push(await tab.evaluate(() => globalThis.loaded));
      await (left % 2 ? crash(tab) : tab.close());
    }
    const last = await driver.openTab(context);
    const { embedding, message } = await driver.loadIn(last);
    assert.equal(embedding, reference, message);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
    const killed = places.map(megabytes).join(', ');
    t.diagnostic(
      `${KILLS} tabs killed at ${killed} MB: served ${megabytes(served())} of ${megabytes(size)} MB`,
    );
    assert.ok(places.at(-1) < size, 'all died in the middle');
    assert.ok(served() <= 1.1 * size, `${served()} bytes were served of a file of ${size}`);
    await context.close();
  });
});

/** The process of the tab ends on the spot, as when the system takes its memory. */
async function crash(tab) {
  const session = await tab.context().newCDPSession(tab);
  const crashed = tab.waitForEvent('crash');
  session.send('Page.crash').catch(() => {});
  await crashed;
  await tab.close();
}

// What a browser does with a page besides showing it: back and forward, hidden, frozen, woken.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { launchChromium } from '../browser/support/chromium.mjs';
import { BOATS } from '../browser/support/fixture.mjs';
import { ISOLATION, openSite, startTestSite } from '../browser/support/site.mjs';
import { nanoFile } from '../js/support/safetensors.mjs';

let browser;
let site;
let slow; // the answers of a download that goes on when the test says
const files = {
  'other.html': '<!doctype html><title>elsewhere</title>',
  'slow.safetensors': (response) => {
    const bytes = readFileSync(nanoFile);
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 1e6));
    slow.push(() => response.end(bytes.subarray(1e6)));
  },
};

before(async () => {
  browser = await launchChromium([], { ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  site = await startTestSite({ files, headers: ISOLATION });
});
after(async () => {
  await browser?.close();
  await site?.close();
});

async function open(t) {
  const opened = await openSite(browser, site.url);
  t.after(async () => {
    await opened.close();
    assert.deepEqual(opened.problems, []);
  });
  await opened.page.evaluate(() => {
    globalThis.addEventListener('pageshow', ({ persisted }) => {
      globalThis.persisted = persisted;
    });
  });
  return opened.page;
}

/** Away, and back to the page as it was or loaded anew; why, where it was not kept. */
async function awayAndBack(page) {
  await page.goto(`${site.url}other.html`);
  await page.goBack({ waitUntil: 'commit' }); // a page that was kept is not loaded
  await page.waitForFunction(() => globalThis.vitreous);
  return page.evaluate(() => {
    const [{ notRestoredReasons }] = performance.getEntriesByType('navigation');
    const reasons = notRestoredReasons?.reasons?.map(({ reason }) => reason) ?? [];
    return { kept: globalThis.persisted === true, reasons };
  });
}

describe('back and forward', () => {
  for (const threads of [1, 2]) {
    test(`a page with a model of ${threads} thread(s) goes on as it was`, async (t) => {
      const page = await open(t);
      await page.evaluate(
        async ([src, threads]) => {
          globalThis.model = await vitreous.createModel(NANO, { threads });
          globalThis.first = String(await model.embed(src));
        },
        [BOATS, threads],
      );
      const { kept, reasons } = await awayAndBack(page);
      t.diagnostic(`kept: ${kept} ${reasons}`);
      assert.deepEqual([kept, reasons], [true, []]);
      assert.equal(await page.evaluate(async (src) => String(await model.embed(src)) === first, BOATS), true);
    });
  }

  test('with an index open: nothing is lost, and it is not locked', async (t) => {
    const page = await open(t);
    const openIndex = (vectors) =>
      page.evaluate(async (vectors) => {
        const { ImageIndex } = await import('./vitreous/search.js');
        globalThis.index ??= await ImageIndex.open({ name: 'kept', dim: 2 });
        for (const [id, x] of vectors) await index.add({ id, vector: Float32Array.of(x, 1) });
        return index.size;
      }, vectors);
    assert.equal(await openIndex([['a', 1], ['b', 2]]), 2); // biome-ignore format: pairs
    const { kept, reasons } = await awayAndBack(page);
    t.diagnostic(`kept: ${kept} ${reasons}`);
    assert.equal(await openIndex([['c', 3]]), 3);
  });
});

describe('frozen and woken', () => {
  /** As long as a device sleeps, or a tab that was left. */
  async function freeze(page, work = async () => {}) {
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await work();
    await setTimeout(3000);
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await session.detach();
  }

  test('with calls in flight', async (t) => {
    const page = await open(t);
    await page.evaluate(async (src) => {
      globalThis.model = await vitreous.createModel(NANO);
      globalThis.first = String(await model.embed(src));
      globalThis.flying = model.embed(Array(40).fill(src));
    }, BOATS);
    await freeze(page);
    const same = await page.evaluate(
      async (src) => [...(await flying), await model.embed(src)].every((row) => String(row) === first),
      BOATS,
    );
    assert.equal(same, true);
  });

  test('amid a download', async (t) => {
    slow = [];
    const page = await open(t);
    await page.evaluate(() => {
      globalThis.coming = vitreous.createModel(NANO, { weights: 'slow.safetensors' });
      coming.catch(() => {});
    });
    for (let i = 0; i < 200 && slow.length === 0; i++) await setTimeout(50);
    await freeze(page, async () => {
      for (const go of slow.splice(0)) go();
    });
    const { info, loaded } = await page.evaluate(async (src) => {
      const model = await coming;
      return { info: model.info, loaded: (await model.embed(src)).length };
    }, BOATS);
    assert.equal(info.cached, false);
    assert.equal(loaded, 256);
  });
});

// The demo in WebKit and in Firefox: the sample photos embedded, a search, a photo picked, every tab opened, at the widths
// of a desktop and of a phone, and nothing gone wrong. tests/demo looks closer, in Chromium.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DESKTOP, demo, PHONE, samples, screenshots, serveDemo } from '../../demo/support/demo.mjs';
import { fixture } from '../../js/support/golden.mjs';
import * as firefox from '../support/firefox.mjs';
import * as webkit from '../support/webkit.mjs';

const SLOW = 600_000; // all samples on one thread of a busy machine

const engines = {
  webkit: { launch: () => webkit.launch(), variant: 'SIMD128' },
  // Without isolation, which the service worker would bring, so without threads: see docs/browsers.md.
  firefox: {
    launch: () => firefox.launch({ prefs: { 'dom.serviceWorkers.enabled': false } }),
    variant: 'relaxed SIMD',
    isolated: false,
  },
};

/** What a tab shows once it has done its work. */
const TABS = {
  search: '#grid .card.is-query',
  attention: '.stage-frame [role="img"][aria-label*="mean of the heads"]:not([hidden])',
  features: '.pca-features',
  teach: '#panel-teach .teach-card',
  duplicates: '#panel-duplicates .groups > li',
  map: '#panel-map .clusters section',
  measure: '#measure-start',
};

/** A copy of the demo that begins with problems.js, which keeps what goes wrong. */
function watched() {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
  cpSync(demo, folder, { recursive: true });
  const page = join(folder, 'index.html');
  const html = readFileSync(page, 'utf8').replace(
    '<title>',
    '<script src="problems.js"></script>\n  <title>',
  );
  writeFileSync(page, html);
  cpSync(fileURLToPath(new URL('../support/site/problems.js', import.meta.url)), join(folder, 'problems.js'));
  return folder;
}

for (const [name, { launch, variant, isolated }] of Object.entries(engines)) {
  describe(name, { timeout: SLOW }, () => {
    let folder;
    let server;
    let browser;
    let page;
    before(async () => {
      mkdirSync(screenshots, { recursive: true });
      folder = watched();
      server = await serveDemo({ root: folder, isolated });
      browser = await launch();
      page = await browser.open();
      await page.setSize(DESKTOP);
      await page.goto(server.url);
      await page.until(() => document.getElementById('model-facts').textContent !== '');
    });
    after(async () => {
      await browser?.close();
      await server?.close();
      rmSync(folder, { recursive: true });
    });

    const click = (selector) =>
      page.evaluate((selector) => document.querySelector(selector).click(), selector);
    const photos = (count) =>
      page.until((text) => document.getElementById('count').textContent === text, `${count} photos`, SLOW);
    const look = async (size, what) => {
      await page.setSize(size);
      await page.screenshot(join(screenshots, `${name}-${what}.png`));
    };

    test('the sample photos are embedded', async () => {
      await click('#samples');
      await photos(samples.length);
      assert.equal(await page.evaluate(() => document.getElementById('variant').textContent), variant);
      assert.deepEqual(await page.problems(), []);
    });

    test('a photo that is picked joins them', async () => {
      await page.upload('#files', [fixture('airplane_grey_320x200.png')]);
      await photos(samples.length + 1);
      assert.deepEqual(await page.problems(), []);
    });

    test('a photo finds itself first, then a copy of its own', async () => {
      const title = await page.evaluate(() => {
        const card = document.querySelector('#grid .card-open');
        card.click();
        return card.querySelector('.name').textContent;
      });
      await page.until(() => document.querySelectorAll('#grid .badge').length > 1);
      const names = await page.evaluate(() =>
        Array.from(document.querySelectorAll('#grid .card .name'), (name) => name.textContent),
      );
      assert.deepEqual(names.slice(0, 2), [title, title]);
      await look(PHONE, 'phone');
      await look(DESKTOP, 'desktop');
      assert.deepEqual(await page.problems(), []);
    });

    for (const [tab, selector] of Object.entries(TABS)) {
      test(`the tab ${tab}`, async () => {
        await click(`#tab-${tab}`);
        await page.until(
          ({ tab, selector }) => {
            const panel = document.getElementById(
              document.getElementById(`tab-${tab}`).getAttribute('aria-controls'),
            );
            const idle = document.getElementById('tasks').childElementCount === 0;
            return panel.offsetHeight > 0 && idle && panel.querySelector(selector) !== null;
          },
          { tab, selector },
        );
        await page.screenshot(join(screenshots, `${name}-${tab}.png`));
        assert.deepEqual(await page.problems(), []);
      });
    }
  });
}

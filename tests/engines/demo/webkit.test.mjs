// The demo in WebKit: the sample photos embedded, a search, a photo picked, every tab opened, at the widths of a desktop
// and of a phone, and nothing gone wrong. tests/demo looks closer, in Chromium. Firefox is not tried: the demo's engines
// have threads, see docs/browsers.md.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../../scripts/serve.mjs';
import { DESKTOP, demo, PHONE, samples, screenshots, TABS } from '../../demo/support/demo.mjs';
import { fixture } from '../../js/support/golden.mjs';
import { engines } from '../support/engines.mjs';

const SLOW = 600_000; // all samples on one thread of a busy machine

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

const webkit = engines.find(({ name }) => name === 'webkit');
let folder;
let server;
let browser;
let page;
before(async () => {
  mkdirSync(screenshots, { recursive: true });
  folder = watched();
  server = await serve({ root: folder, port: 0 });
  browser = await webkit.launch();
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

const click = (page, selector) =>
  page.evaluate((selector) => document.querySelector(selector).click(), selector);
const photos = (page, count) =>
  page.until((text) => document.getElementById('count').textContent === text, `${count} photos`, SLOW);

const look = async (size, name) => {
  await page.setSize(size);
  await page.screenshot(join(screenshots, `webkit-${name}.png`));
};

test('the sample photos are embedded', { timeout: SLOW }, async () => {
  await click(page, '#samples');
  await photos(page, samples.length);
  assert.deepEqual(await page.problems(), []);
});

test('a photo that is picked joins them', { timeout: SLOW }, async () => {
  await page.upload('#files', [fixture('airplane_grey_320x200.png')]);
  await photos(page, samples.length + 1);
  assert.deepEqual(await page.problems(), []);
});

test('a photo finds itself first', { timeout: SLOW }, async () => {
  const title = await page.evaluate(() => {
    const card = document.querySelector('#grid .card-open');
    card.click();
    return card.querySelector('.name').textContent;
  });
  await page.until(() => document.querySelector('#grid .card.is-query') !== null);
  const [first] = await page.evaluate(() =>
    Array.from(document.querySelectorAll('#grid .card .name'), (name) => name.textContent),
  );
  assert.equal(first, title);
  await look(DESKTOP, 'desktop');
  await look(PHONE, 'phone');
  await page.setSize(DESKTOP);
  assert.deepEqual(await page.problems(), []);
});

for (const tab of TABS) {
  test(`the tab ${tab}`, { timeout: SLOW }, async () => {
    await click(page, `#tab-${tab}`);
    await page.until((tab) => {
      const button = document.getElementById(`tab-${tab}`);
      const panel = document.getElementById(button.getAttribute('aria-controls'));
      return button.getAttribute('aria-selected') === 'true' && panel.offsetHeight > 0;
    }, tab);
    // What it computes at once it must have the time to get wrong.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1000)));
    assert.deepEqual(await page.problems(), []);
  });
}

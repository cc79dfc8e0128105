// The extension in Chromium: its menu on a page's image, the results, and what stays.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { findChromium } from '../../scripts/setup/browsers.mjs';
import { startSite } from '../browser/support/site.mjs';
import { BOATS, BROKEN, partOfBoats, photos, project } from './support.mjs';

let example;
let context;
let worker;
let problems;

/** Chromium with the extension, in a profile that stays. */
async function launch() {
  const extension = join(example.folder, 'dist');
  context = await chromium.launchPersistentContext(join(example.folder, 'profile'), {
    executablePath: findChromium(),
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
    ],
  });
  problems = [];
  context.on('weberror', (error) => problems.push(error.error().stack));
  worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  await worker.evaluate(() => chrome.offscreen !== undefined);
}

before(async () => {
  example = await project('extension');
  await example.run('build');
  await launch();
});
after(async () => {
  await context?.close();
  await example?.remove();
});

/** What the menu does when it is clicked on an image of the page; the results page. */
async function findSimilar(page, image) {
  const opened = context.waitForEvent('page');
  await worker.evaluate(
    async ([url, srcUrl]) => {
      const [tab] = await chrome.tabs.query({ url });
      chrome.contextMenus.onClicked.dispatch({ menuItemId: 'find-similar', srcUrl }, tab);
    },
    [page.url(), image],
  );
  return opened;
}

const shown = (results) =>
  results.$$eval('#results img', (images) => images.map(({ alt }) => alt.split('/').pop()));
const scores = async (results) =>
  (await results.locator('#results button').allTextContents()).map((text) => Number(text));

test('the menu finds what is like an image, on the page and among all that was collected', async (t) => {
  // Images lie on another server than their page, which does not allow other origins.
  const images = await startSite(
    { '/': photos },
    { files: { 'part.jpg': await partOfBoats(), 'broken.jpg': BROKEN.buffer } },
  );
  const at = (name) => `${images.url}${name}`;
  const pageOf = (title, names) =>
    `<!doctype html><title>${title}</title>${names.map((name) => `<img src="${at(name)}">`).join('')}`;
  const site = await startSite(
    {},
    {
      csp: 'img-src *',
      files: {
        'one.html': pageOf('One', ['part.jpg', 'locomotion-house-cat.jpg', 'broken.jpg']),
        'two.html': pageOf('Two', [BOATS, 'dust-bowl-home.jpg', 'part.jpg']),
      },
    },
  );
  t.after(() => Promise.all([images.close(), site.close()]));

  const page = await context.newPage();
  await page.goto(`${site.url}one.html`, { waitUntil: 'load' });
  const first = await findSimilar(page, at('part.jpg'));
  await first.getByText('2 images', { exact: true }).waitFor({ timeout: 120_000 });
  assert.deepEqual(await shown(first), ['part.jpg', 'locomotion-house-cat.jpg']);
  assert.equal((await scores(first))[0], 1);
  assert.equal(await first.evaluate(() => crossOriginIsolated), true);

  await page.goto(`${site.url}two.html`, { waitUntil: 'load' });
  const second = await findSimilar(page, at('part.jpg'));
  await second.getByText('3 images', { exact: true }).waitFor({ timeout: 120_000 });
  assert.deepEqual((await shown(second)).slice(0, 2), ['part.jpg', BOATS]);
  await second.getByLabel('Among').selectOption('all');
  await second.getByText('4 images', { exact: true }).waitFor();
  assert.deepEqual((await shown(second)).slice(0, 2), ['part.jpg', BOATS]);
  const got = await scores(second);
  assert.deepEqual(
    got,
    [...got].sort((a, b) => b - a),
  );

  // Another one of the results, by keyboard.
  await second.getByRole('button', { name: 'dust-bowl-home.jpg' }).focus();
  await second.keyboard.press('Enter');
  await second.locator('#results button[aria-pressed=true] img[alt$="dust-bowl-home.jpg"]').waitFor();
  assert.equal((await shown(second))[0], 'dust-bowl-home.jpg');

  // An image that cannot be read.
  const third = await findSimilar(page, at('broken.jpg'));
  await third.getByText('could not be decoded').waitFor({ timeout: 120_000 });
  assert.deepEqual(problems, []);
});

test('what was collected is there after the browser was closed, without its pages', async () => {
  const { host } = new URL(worker.url());
  await context.close();
  await launch();
  const results = await context.newPage();
  await results.goto(`chrome-extension://${host}/results.html`);
  await results.getByText('4 images', { exact: true }).waitFor({ timeout: 120_000 });
  assert.equal(
    await results.$$eval('#results img', (all) => all.filter(({ naturalWidth }) => naturalWidth > 0).length),
    4,
  );
  await results.getByRole('button', { name: /part\.jpg/ }).click();
  await results.locator('#results button[aria-pressed=true]').waitFor();
  assert.deepEqual((await shown(results)).slice(0, 2), ['part.jpg', BOATS]);
  await results.getByRole('button', { name: 'Forget all' }).click();
  await results.locator('#results li').first().waitFor({ state: 'detached' });
  assert.deepEqual(await shown(results), []);
  assert.deepEqual(problems, []);
});

test('the manifest’s policy is Manifest V3’s own with wasm', async () => {
  const manifest = JSON.parse(await readFile(join(example.folder, 'dist/manifest.json'), 'utf8'));
  assert.match(manifest.content_security_policy.extension_pages, /^script-src 'self' 'wasm-unsafe-eval';/);
});

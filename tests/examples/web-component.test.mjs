// The Web Component from a static folder in Chromium.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../browser/support/chromium.mjs';
import { openSite, STRICT_CSP, startSite } from '../browser/support/site.mjs';
import { BOATS, BROKEN, drop, noWorkers, photoFiles, project } from './support.mjs';

let example;
let browser;
let site;
before(async () => {
  [example, browser] = await Promise.all([project('web-component'), launchChromium()]);
  await example.run('build');
  const folder = join(example.folder, 'site');
  const html = await readFile(join(folder, 'index.html'), 'utf8');
  const [, map] = /<script type="importmap">([\s\S]*?)<\/script>/.exec(html);
  const hash = createHash('sha256').update(map).digest('base64');
  const csp = STRICT_CSP.replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`);
  site = await startSite({ '/': folder }, { csp });
});
after(async () => {
  await browser?.close();
  await site?.close();
  await example?.remove();
});

/** The page, and what the element has told. */
async function open(t) {
  const { page, problems, close } = await openSite(browser, site.url);
  t.after(close);
  await page.evaluate(() => {
    globalThis.told = [];
    for (const type of ['ready', 'progress', 'results', 'error'])
      addEventListener(type, (event) => told.push([type, event.detail ?? event.message]));
  });
  return { page, problems };
}

const names = (page) =>
  page.$$eval('vitreous-search li:not([hidden]) img', (all) => all.map(({ alt }) => alt));
const told = (page, wanted) =>
  page.evaluate(
    (wanted) => globalThis.told.filter(([type]) => type === wanted).map(([, detail]) => detail),
    wanted,
  );

test('photos in; by keyboard one is chosen, and the others line up', async (t) => {
  const { page, problems } = await open(t);
  const files = await photoFiles();
  await drop(page, 'vitreous-search', [...files.slice(0, 2), BROKEN]);
  await page.waitForFunction(() => told.some(([type]) => type === 'error'));
  await page.getByText('2 photos', { exact: true }).waitFor();
  await page.setInputFiles('vitreous-search input', files);
  await page.getByText(`${files.length} photos`, { exact: true }).waitFor();
  assert.equal((await names(page)).length, files.length);
  assert.deepEqual(
    (await told(page, 'progress')).slice(0, 3),
    [1, 2, 3].map((done) => ({ done, total: 3 })),
  );
  assert.match((await told(page, 'error'))[0], /broken\.jpg could not be decoded/);

  await page.locator('vitreous-search button').first().focus();
  for (let i = 1; i < files.length; i++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByText(`${files.length} photos, the most similar first`).waitFor();
  assert.deepEqual((await names(page)).slice(0, 2), ['part-of-boats.jpg', BOATS]);
  const focused = () =>
    page.evaluate(() => document.querySelector('vitreous-search').shadowRoot.activeElement.value);
  assert.match(await focused(), /^part-of-boats/);
  await page.keyboard.press('ArrowRight');
  assert.match(await focused(), /^nagasaki-boats/);
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  assert.match(await focused(), /^part-of-boats/);
  const [results] = await told(page, 'results');
  assert.equal(results.length, files.length);
  assert.ok(Math.abs(results[0].score - 1) < 1e-6 && results[0].score > results[1].score);
  assert.deepEqual(problems, []);
});

test('attributes and methods', async (t) => {
  const { page, problems } = await open(t);
  await page.evaluate(() => {
    const element = document.querySelector('vitreous-search');
    element.setAttribute('label', 'Your holiday:');
    element.setAttribute('k', '3');
  });
  await page.setInputFiles('vitreous-search input', await photoFiles());
  await page.getByText('Your holiday:').waitFor();
  await page.getByText('6 photos', { exact: true }).waitFor();
  const found = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(300, 200);
    canvas.getContext('2d').fillRect(0, 0, 100, 200);
    const results = await document.querySelector('vitreous-search').search(canvas);
    return results.map(({ file }) => file instanceof File);
  });
  assert.deepEqual(found, [true, true, true]);
  assert.equal((await names(page)).length, 3);
  await page.evaluate(() => document.querySelector('vitreous-search').clear());
  assert.equal((await names(page)).length, 0);
  assert.deepEqual(problems, []);
});

test('moved in the page it goes on; out of the page it frees the model, and is back with its photos', async (t) => {
  const { page, problems } = await open(t);
  await page.setInputFiles('vitreous-search input', (await photoFiles()).slice(0, 3));
  await page.getByText('3 photos', { exact: true }).waitFor();
  await page.evaluate(() => {
    const element = document.querySelector('vitreous-search');
    document.body.append(document.createElement('main'));
    document.querySelector('main').append(element);
  });
  assert.equal(page.workers().length, 1);
  assert.equal((await told(page, 'ready')).length, 1);
  await page.evaluate(() => {
    globalThis.element = document.querySelector('vitreous-search');
    element.remove();
  });
  await noWorkers(page);
  await page.evaluate(() => document.body.append(element));
  await page.getByText('3 photos', { exact: true }).waitFor();
  await page.waitForFunction(() => told.filter(([type]) => type === 'ready').length === 2);
  await page.locator('vitreous-search button').first().click();
  await page.getByText('3 photos, the most similar first').waitFor();
  assert.deepEqual(problems, []);
});

test('a model that does not load is told of, and tried again', async (t) => {
  const { page } = await open(t);
  const messages = await page.evaluate(async () => {
    const element = document.createElement('vitreous-search');
    element.setAttribute('model', 'vit_nothing');
    document.body.append(element);
    await element.search(new OffscreenCanvas(2, 2));
    const failed = told.filter(([type]) => type === 'error').map(([, message]) => message);
    element.setAttribute('model', 'vit_nano_patch16_224');
    await element.add([]);
    return [...failed, ...told.filter(([type]) => type === 'error').map(([, message]) => message)];
  });
  assert.equal(messages.length, 2); // one error, seen twice
  assert.match(messages[0], /vit_nothing/);
});

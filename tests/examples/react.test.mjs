// The React example in Chromium: photos are dropped and ranked; the hook loads once, and stops when nobody wants it.
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../browser/support/chromium.mjs';
import { openSite, startSite } from '../browser/support/site.mjs';
import { BOATS, BROKEN, drop, noWorkers, photoFiles, project } from './support.mjs';

let example;
let browser;
before(async () => {
  [example, browser] = await Promise.all([project('react'), launchChromium()]);
});
after(async () => {
  await browser?.close();
  await example?.remove();
});

/** Builds the example, serves what comes out and opens it. */
async function open(t, folder) {
  const site = await startSite({ '/': folder });
  const { page, problems, close } = await openSite(browser, site.url);
  t.after(async () => {
    await close();
    await site.close();
  });
  return { page, problems, site };
}

const names = (page) => page.$$eval('li img', (images) => images.map(({ alt }) => alt));

test('photos that are dropped are embedded; the one chosen has its likes beside it', async (t) => {
  await example.run('build');
  const { page, problems } = await open(t, join(example.folder, 'dist'));
  const files = await photoFiles();
  await drop(page, 'main', [...files.slice(0, 2), BROKEN]);
  await drop(page, 'main', files.slice(0, 2)); // once more
  await page.getByText('2 photos', { exact: true }).waitFor();
  assert.match(await page.getByRole('alert').textContent(), /^broken\.jpg: /);

  await page.setInputFiles('input[type=file]', files.slice(2));
  await page.getByText(`${files.length} photos`, { exact: true }).waitFor();
  assert.equal((await names(page)).length, files.length);
  assert.equal(await page.$eval('ul', (list) => getComputedStyle(list).display), 'grid');

  await page.getByRole('button', { name: 'part-of-boats.jpg' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { pressed: true }).waitFor();
  assert.deepEqual((await names(page)).slice(0, 2), ['part-of-boats.jpg', BOATS]);
  const scores = (await page.locator('li span').allTextContents()).map(Number);
  assert.equal(scores[0], 1);
  assert.deepEqual(
    scores,
    [...scores].sort((a, b) => b - a),
  );
  assert.deepEqual(problems, []);
});

// Two components that want the model, and a way to take them away and to bring them back.
const LIFECYCLE = `
  import { StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { useEmbeddings } from './useEmbeddings';
  import { useVitreous } from './useVitreous';

  function Wants({ photos }: { photos: File[] }) {
    const state = useVitreous('vit_nano_patch16_224');
    const { left } = useEmbeddings(state.status === 'ready' ? state.model : undefined, photos);
    return <p>{state.status} {left}</p>;
  }
  const none: File[] = [];
  const root = createRoot(document.getElementById('root') as HTMLElement);
  const mount = (photos = none, page = 'one') =>
    root.render(<StrictMode key={page}><Wants photos={photos} /><Wants photos={none} /></StrictMode>);
  Object.assign(globalThis, { mount, unmount: () => root.render(null) });
`;

test('under StrictMode two components load one model, once; without them it stops and is freed', async (t) => {
  const main = join(example.folder, 'src/main.tsx');
  await rename(main, join(example.folder, 'main.tsx'));
  await writeFile(main, LIFECYCLE);
  // React mounts twice in its development build only.
  process.env.NODE_ENV = 'development';
  t.after(() => delete process.env.NODE_ENV);
  await example.run('build');
  const { page, problems, site } = await open(t, join(example.folder, 'dist'));
  const loads = () => site.requests.filter((url) => url.includes('safetensors')).length;
  const states = () => page.$$eval('p', (all) => all.map(({ textContent }) => textContent));
  let workers = 0;
  page.on('worker', () => workers++);

  await page.evaluate(() => mount());
  await page.getByText('ready').nth(1).waitFor();
  assert.deepEqual(await states(), ['ready 0', 'ready 0']);
  assert.deepEqual([loads(), workers, page.workers().length], [1, 1, 1]);
  // Other components take their place: the model stays.
  await page.evaluate(() => mount([], 'two'));
  await page.waitForFunction(() => document.querySelectorAll('p').length === 2);
  await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
  assert.deepEqual(await states(), ['ready 0', 'ready 0']);
  assert.deepEqual([loads(), workers, page.workers().length], [1, 1, 1]);

  await page.evaluate(() => unmount());
  await page.waitForFunction(() => document.querySelector('p') === null);
  while (page.workers().length > 0)
    await page.waitForEvent('requestfinished', { timeout: 50 }).catch(() => {});

  // Gone before it is there: nothing of it comes later.
  await page.evaluate(async () => {
    mount();
    await new Promise((done) => setTimeout(done, 5));
    unmount();
  });
  await noWorkers(page);

  // Back again, with work, and gone in the middle of it.
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(300, 300);
    canvas.getContext('2d').fillRect(0, 0, 100, 200);
    const blob = await canvas.convertToBlob();
    mount(Array.from({ length: 500 }, (_, i) => new File([blob], `${i}.png`)));
  });
  await page.getByText('ready 49').waitFor();
  await page.evaluate(() => unmount());
  await noWorkers(page);
  assert.deepEqual(problems, []);
});

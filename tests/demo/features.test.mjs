// The demo's Features tab in Chromium: PCA pictures and correspondence, drawn as the library gives them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../dist/node.mjs';
import { correspond, pcaImages } from '../../dist/node-recipes.mjs';
import {
  embedded,
  fixtures,
  NARROW,
  openPage,
  openTab,
  overflow,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const PHOTOS = ['boats_rgb_320x200.png', 'acanthus_rgb_300x401.png'].map((file) => join(fixtures, file));

let model;
before(async () => {
  model = await createModel('vit_nano_patch16_224', { numClasses: 0, dynamicImgSize: true });
});
after(() => model?.dispose());

/** Two photos: one page for all tests. */
let opened;
async function openPair(t) {
  opened ??= openPage(shared.browser, shared.server.url).then(async (one) => {
    await one.page.setInputFiles('#files', PHOTOS);
    await embedded(one.page, PHOTOS.length);
    await openTab(one.page, 'features');
    return one;
  });
  const { page, problems } = await opened;
  t.after(() => assert.deepEqual(problems, []));
  return page;
}

/** Names in the order of the page. */
const shownNames = (page, selector) =>
  page.$$eval(selector, (all) => all.map(({ textContent }) => textContent));
const pathOf = (name) => join(fixtures, name);
const pairs = (page) => page.getByRole('radio', { name: 'Correspondence', exact: true }).check();
const pca = (page) => page.getByRole('radio', { name: 'PCA pictures', exact: true }).check();

/** The colours of the pictures, three bytes a patch, photo after photo. */
const drawnColours = (page) =>
  page.$$eval('.pca-features', (all) =>
    all.flatMap((canvas) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {
        willReadFrequently: true,
      });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return [...data].filter((_, i) => i % 4 < 3);
    }),
  );

async function samePicture(page, t, what, options) {
  const photos = (await shownNames(page, '.pca figcaption')).map(pathOf);
  const { rgb } = await pcaImages(model, photos, options);
  const colours = await drawnColours(page);
  assert.equal(colours.length, rgb.data.length);
  const off = colours.reduce((most, value, i) => Math.max(most, Math.abs(value - rgb.data[i])), 0);
  t.diagnostic(`${what}: at most ${off} of 255 from the library's`);
  assert.ok(off <= 1, `${what}: ${off}`);
}

const pictured = (page, count) =>
  page.waitForFunction(
    (n) =>
      document.querySelectorAll('.pca-features').length === n &&
      document.querySelector('#tasks').children.length === 0,
    count,
    TIMEOUT,
  );

test('PCA pictures of several photos together are the library’s, of all patches and of the foreground', async (t) => {
  const page = await openPair(t);
  await pca(page);
  await pictured(page, 2);
  await samePicture(page, t, 'all patches', {});
  await page.getByRole('radio', { name: 'Foreground', exact: true }).check();
  await page.waitForFunction(
    () => {
      const canvas = document.querySelector('.pca-features');
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {
        willReadFrequently: true,
      });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return data.some((_, i) => i % 4 === 0 && data[i] + data[i + 1] + data[i + 2] === 0);
    },
    undefined,
    TIMEOUT,
  );
  await samePicture(page, t, 'foreground', { foreground: true });
  await page.getByRole('radio', { name: 'All', exact: true }).check();
});

test('a larger input makes finer pictures', async (t) => {
  const page = await openPair(t);
  await pca(page);
  await page.selectOption('#features-size', '336');
  await page.waitForFunction(() => document.querySelector('.pca-features')?.width === 21, undefined, TIMEOUT);
  await samePicture(page, t, '21 × 21 patches', { imgSize: 336 });
  await page.selectOption('#features-size', '224');
  await page.waitForFunction(() => document.querySelector('.pca-features')?.width === 14, undefined, TIMEOUT);
});

test('a photo alone: without its companion the colours are others', async (t) => {
  const page = await openPair(t);
  await pca(page);
  await pictured(page, 2);
  await page.locator('.pca-frame').first().waitFor();
  const companion = page.locator('.companions input[type="checkbox"]').first();
  await companion.focus();
  await page.keyboard.press('Space');
  await pictured(page, 1);
  await samePicture(page, t, 'alone', {});
  await companion.focus();
  await page.keyboard.press('Space');
  await pictured(page, 2);
});

test('lines join the patches that the library finds to be each other’s nearest, as many as the slider says', async (t) => {
  const page = await openPair(t);
  await pairs(page);
  await page.waitForSelector('.pair-lines line:not(.halo)', { state: 'attached', ...TIMEOUT });
  const [left, right] = (await shownNames(page, '.pair-captions p')).map(pathOf);
  const found = await correspond(model, left, right);
  t.diagnostic(`${found.length} pairs`);
  const lines = page.getByRole('slider', { name: 'Lines', exact: true });
  for (const count of [5, found.length, 0]) {
    await lines.fill(String(count));
    assert.equal(await lines.getAttribute('aria-valuetext'), `${count} of ${found.length}`);
    const drawn = await page.$$eval('.pair-lines line:not(.halo)', (all) =>
      all.map((line) => ['x1', 'y1', 'x2', 'y2'].map((name) => Number(line.getAttribute(name)))),
    );
    const expected = found
      .slice(0, count)
      .map(({ a, b }) => [1000 * a.x, 1000 * a.y, 1060 + 1000 * b.x, 1000 * b.y]);
    // Pairs of the same score may change places.
    const sorted = (list) => list.map((line) => line.map((value) => value.toFixed(2)).join(' ')).sort();
    assert.deepEqual(sorted(drawn), sorted(expected));
  }
  await lines.fill('24');
});

test('a patch of the left photo shows what is like it on the right, with the pointer and the keyboard', async (t) => {
  const page = await openPair(t);
  await pairs(page);
  const left = page.locator('.pair-photo[role="application"]');
  const right = page.locator('.pair-photo[role="img"]');
  await page.waitForSelector('.pair-lines line', { state: 'attached', ...TIMEOUT });
  const { width, height } = await left.boundingBox();
  await left.click({ position: { x: (width * 3.5) / 14, y: (height * 8.5) / 14 } });
  await page
    .getByText(/^Row 9, column 4 is most like Row \d+, column \d+ on the right, similarity [\d.]+\.$/)
    .first()
    .waitFor(TIMEOUT);
  assert.equal(await right.locator('.pair-heat').count(), 1);
  assert.equal(await page.locator('.pair-lines .mark').count(), 2);
  assert.equal(await page.locator('.pair-lines line').count(), 0);

  await left.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowUp');
  await page.waitForFunction(
    () => document.querySelector('.pair-photo[role="application"]').ariaLabel.endsWith('Row 8, column 5'),
    undefined,
    TIMEOUT,
  );
  assert.match(await page.textContent('#live'), /^Row 8, column 5 is most like/);

  // The nearest patch by the library: all pairs from left to right, not only mutual ones.
  const [from, to] = (await shownNames(page, '.pair-captions p')).map(pathOf);
  const all = await correspond(model, from, to, { mutual: false });
  const near = (value, wanted) => Math.abs(value - wanted) < 1e-6;
  const { b } = all.find(({ a }) => near(a.x, 4.5 / 14) && near(a.y, 7.5 / 14));
  const told = `Row ${Math.floor(b.y * 14) + 1}, column ${Math.floor(b.x * 14) + 1} on the right`;
  assert.ok((await page.textContent('#live')).includes(told), told);

  await page.keyboard.press('Escape');
  await page.waitForSelector('.pair-lines line', { state: 'attached', ...TIMEOUT });
  assert.equal(await page.locator('.pair-heat').count(), 0);
});

test('it fits a narrow phone', async (t) => {
  const page = await openPair(t);
  await page.setViewportSize(NARROW);
  for (const show of [pca, pairs]) {
    await show(page);
    assert.equal(await overflow(page), 0);
  }
});

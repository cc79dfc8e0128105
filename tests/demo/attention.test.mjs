// The demo's Attention tab in Chromium: what it draws is what the library gives, and the camera.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../dist/node.mjs';
import { attentionMask, toImagePixels } from '../../dist/node-recipes.mjs';
import { launchChromium } from '../browser/support/chromium.mjs';
import {
  embedded,
  fixtures,
  NARROW,
  openDemo,
  openTab,
  overflow,
  sampleGallery,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);
const PHOTO = join(fixtures, 'boats_rgb_320x200.png');
const SIZE = { width: 320, height: 200 };
const ROWS = 14;

let model;
before(async () => {
  model = await createModel('vit_nano_patch16_224', { numClasses: 0 });
});
after(() => model?.dispose());

const slider = (page, name) => page.getByRole('slider', { name, exact: true });
const picture = (page) => page.locator('.stage-frame [role="img"]:not([hidden])');

/** Waits until the map of this description is drawn. */
const drawn = (page, what) =>
  page.waitForFunction(
    (text) => document.querySelector('.stage-frame [role="img"]:not([hidden])')?.ariaLabel?.endsWith(text),
    what,
    TIMEOUT,
  );

/** The colours of the overlay in the middle of each patch, [red, green, blue, alpha]. */
async function coloursOf(page) {
  const middles = Array.from({ length: ROWS * ROWS }, (_, i) => ({
    x: ((i % ROWS) + 0.5) / ROWS,
    y: (Math.floor(i / ROWS) + 0.5) / ROWS,
  }));
  const points = await toImagePixels(model, middles, SIZE);
  return page.$eval(
    '.stage-map',
    (canvas, places) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {
        willReadFrequently: true,
      });
      copy.drawImage(canvas, 0, 0);
      return places.map(({ x, y }) => [...copy.getImageData(Math.floor(x), Math.floor(y), 1, 1).data]);
    },
    points,
  );
}

/** How alike two lists are in their order: Spearman's rank correlation. */
function rankCorrelation(a, b) {
  const ranks = (list) => {
    const order = Array.from(list, (_, i) => i).sort((i, j) => list[i] - list[j]);
    const rank = [];
    for (const [at, i] of order.entries()) rank[i] = at;
    return rank;
  };
  const [ra, rb] = [ranks(a), ranks(b)];
  const n = ra.length;
  return 1 - (6 * ra.reduce((sum, r, i) => sum + (r - rb[i]) ** 2, 0)) / (n * (n * n - 1));
}

/** Brightness grows with the value along the map's colours. */
const brightness = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;

async function openPhoto(t) {
  const page = await openDemo(t, shared);
  await page.setInputFiles('#files', [PHOTO]);
  await embedded(page, 1);
  await openTab(page, 'attention');
  await drawn(page, 'mean of the heads, layer 6');
  return page;
}

test('heads of any layer and the rollout are drawn as the library gives them', async (t) => {
  const page = await openPhoto(t);
  await slider(page, 'Overlay').fill('1'); // hides the photo: the colours are the map's alone
  const check = async (what, expected) => {
    const colours = await coloursOf(page);
    assert.ok(colours.every(([, , , alpha]) => alpha > 250));
    const seen = colours.map(brightness);
    const most = Math.max(...expected);
    assert.equal(seen.indexOf(Math.max(...seen)), expected.indexOf(most), what);
    // The darkest have the same colour, and no order.
    const clear = seen.flatMap((_, i) => (expected[i] > most / 10 ? [i] : []));
    const correlation = rankCorrelation(
      clear.map((i) => seen[i]),
      clear.map((i) => expected[i]),
    );
    t.diagnostic(`${what}: rank correlation of ${clear.length} patches ${correlation.toFixed(4)}`);
    assert.ok(clear.length > 20 && correlation > 0.97, `${what}: ${correlation}`);
  };
  for (const layer of [6, 2]) {
    await slider(page, 'Layer').fill(String(layer));
    await page.locator('.chip[data-head="2"]').click();
    await drawn(page, `head 3, layer ${layer}`);
    const { data } = await model.attention(PHOTO, { layer: layer - 1 });
    await check(`head 3 of layer ${layer}`, data.slice(2 * ROWS * ROWS, 3 * ROWS * ROWS));
  }
  await page.getByRole('radio', { name: 'Rollout', exact: true }).check();
  await drawn(page, 'rollout through all layers');
  await check('rollout', (await model.attentionRollout(PHOTO)).data);
  assert.ok(await slider(page, 'Layer').isDisabled());
});

test('the mask keeps the patches that the library keeps', async (t) => {
  const page = await openPhoto(t);
  await page.locator('.chip[data-head="0"]').click();
  for (const threshold of [0.6, 0.9]) {
    const masks = await attentionMask(model, PHOTO, { threshold, head: 0 });
    const kept = masks.data.reduce((a, b) => a + b);
    await slider(page, 'Mask').fill(String(threshold));
    const text = `${100 * threshold} % in ${kept} of ${ROWS * ROWS} patches`;
    await page.getByText(text).waitFor(TIMEOUT);
    assert.equal(await slider(page, 'Mask').getAttribute('aria-valuetext'), text);
    // Patches that are left out are dark, all with the same colour.
    const left = (await coloursOf(page)).map(
      ([r, g, b, alpha]) => Math.max(r, g, b) < 16 && Math.abs(alpha - 189) < 3,
    );
    assert.deepEqual(
      left.map((dark) => (dark ? 0 : 1)),
      [...masks.data],
    );
  }
});

test('everything with the keyboard, and told to a screen reader', async (t) => {
  const page = await openSamples(t, { tab: 'attention' });
  await drawn(page, 'mean of the heads, layer 6');
  await slider(page, 'Layer').focus();
  await page.keyboard.press('ArrowLeft');
  await drawn(page, 'mean of the heads, layer 5');
  assert.equal(await slider(page, 'Layer').getAttribute('aria-valuetext'), '5 of 6');
  await page.keyboard.press('3');
  await drawn(page, 'head 3, layer 5');
  assert.ok(await page.getByRole('radio', { name: 'Head 3' }).isChecked());
  const first = await picture(page).getAttribute('aria-label');
  await page.locator('.attention .strip-photo[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.waitForFunction(
    (label) => {
      const now = document.querySelector('.stage-frame [role="img"]:not([hidden])').ariaLabel;
      return now !== label && now.endsWith('head 3, layer 5');
    },
    first,
    TIMEOUT,
  );
  await page.setViewportSize(NARROW);
  assert.equal(await overflow(page), 0);
});

/** A browser of its own with a camera like this, at the empty tab. */
async function openWithCamera(t, args) {
  const browser = await launchChromium(args);
  t.after(() => browser.close());
  const page = await openDemo(t, { ...shared, browser });
  await openTab(page, 'attention');
  return page;
}

const videoOf = (page) => page.locator('.stage-frame video');
const hasStream = (page) => videoOf(page).evaluate((video) => video.srcObject !== null);

test('the camera’s picture is mapped live, and the camera goes off with its tab', async (t) => {
  const fake = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
  const page = await openWithCamera(t, fake);
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.waitForFunction(
    () => /^\d+ maps? a second, \d+ ms each$/.test(document.querySelector('.stage-figures').textContent),
    undefined,
    TIMEOUT,
  );
  t.diagnostic(await page.textContent('.stage-figures'));
  assert.ok(await videoOf(page).isVisible());
  assert.match(
    await picture(page).getAttribute('aria-label'),
    /^Camera, with the attention map: mean of the heads/,
  );
  const frame = () => page.$eval('.stage-map', (canvas) => canvas.toDataURL());
  const one = await frame();
  await page.waitForFunction(
    (before) => document.querySelector('.stage-map').toDataURL() !== before,
    one,
    TIMEOUT,
  );
  await slider(page, 'Mask').fill('0.5');
  await page.getByText(/^50 % in \d+ of 196 patches$/).waitFor(TIMEOUT);

  await openTab(page, 'measure');
  assert.equal(await hasStream(page), false);
  await openTab(page, 'attention');
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.getByRole('button', { name: 'Stop the camera' }).click(TIMEOUT);
  assert.equal(await hasStream(page), false);
  await page.getByRole('heading', { name: 'No photo yet' }).waitFor(TIMEOUT);
});

for (const { what, args, message } of [
  {
    what: 'that is refused',
    args: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'],
    message: /refused\. Allow it for this page/,
  },
  { what: 'that is not there', args: ['--use-fake-ui-for-media-stream'], message: /no camera/ },
])
  test(`a camera ${what} is said, with the way out`, async (t) => {
    const page = await openWithCamera(t, args);
    await page.getByRole('button', { name: 'Use the camera' }).click();
    const alert = page.locator('.attention [role="alert"]:not([hidden])');
    await alert.waitFor(TIMEOUT);
    assert.match(await alert.textContent(), message);
    assert.ok(await page.getByRole('button', { name: 'Use the camera' }).isEnabled());
  });

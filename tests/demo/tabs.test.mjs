// The demo's tabs in Chromium: the pattern of ARIA, the address, the theme, and what axe says of each of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import {
  DESKTOP,
  idle,
  isFull,
  modelReady,
  openDemo,
  openTab,
  PHONE,
  rankBy,
  sampleGallery,
  TABS,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, in a line each. */
async function violations(page) {
  // Through the driver: the page's policy allows no other script.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run()).violations);
  return found.map(({ id, nodes }) => {
    const [{ target, failureSummary }] = nodes;
    return `${id}, ${nodes.length} times, first at ${target.join(' ')}: ${failureSummary.replace(/\s+/g, ' ')}`;
  });
}

const selected = (page) =>
  page.$$eval('[role="tab"]', (tabs) =>
    tabs.filter((tab) => tab.getAttribute('aria-selected') === 'true').map(({ id }) => id),
  );

test('tabs follow the keyboard, the address, going back and reloading', async (t) => {
  const page = await openDemo(t, shared);
  assert.deepEqual(
    await page.$$eval('[role="tab"]', (tabs) => tabs.map(({ id }) => id.replace('tab-', ''))),
    TABS,
  );
  assert.deepEqual(await selected(page), ['tab-search']);
  await openTab(page, 'map');
  assert.equal(new URL(page.url()).hash, '#map');
  await openTab(page, 'measure');
  assert.ok(await page.isVisible('#panel-measure'));
  await page.goBack();
  await page.waitForSelector('#tab-map[aria-selected="true"]');
  await page.reload();
  await modelReady(page);
  assert.deepEqual(await selected(page), ['tab-map']);
  assert.equal(
    await page.evaluate(() => getComputedStyle(document.getElementById('intro')).display),
    'block',
  );

  await page.focus('#tab-map');
  const press = async (key, tab) => {
    await page.keyboard.press(key);
    assert.deepEqual(await selected(page), [`tab-${tab}`]);
    assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${tab}`);
    assert.equal(await page.locator('[role="tab"][tabindex="0"]').count(), 1);
    const controls = await page.getAttribute(`#tab-${tab}`, 'aria-controls');
    assert.equal(await page.getAttribute(`#${controls}`, 'aria-labelledby'), `tab-${tab}`);
  };
  await press('ArrowRight', 'measure');
  await press('ArrowRight', 'search');
  await press('ArrowLeft', 'measure');
  await press('Home', 'search');
  await press('End', 'measure');
});

test('the theme follows the system until it is chosen, and the choice stays', async (t) => {
  const page = await openDemo(t, shared);
  const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await ground();
  assert.notEqual(light, dark);
  await page.waitForSelector('#theme-button[aria-label="Light theme"]', TIMEOUT);
  await page.click('#theme-button');
  assert.equal(await scheme(), 'light');
  assert.equal(await ground(), light);
  await page.reload({ waitUntil: 'commit' });
  await page.waitForSelector('body');
  assert.equal(await ground(), light);
  await modelReady(page);
  await page.click('#theme-button');
  assert.equal(await ground(), dark);
  assert.equal(await page.getAttribute('html', 'data-theme'), null);
});

test('one selection for all tabs', async (t) => {
  const page = await openSamples(t);
  await rankBy(page, 'House cat');
  await openTab(page, 'attention');
  await page.waitForSelector(
    '#panel-attention .strip-photo[aria-label="House cat"][aria-pressed="true"]',
    TIMEOUT,
  );
  await page.click('#panel-attention .strip-photo[aria-label="Nagasaki boats"]');
  await openTab(page, 'search');
  await page.waitForFunction(
    () => document.getElementById('ranking-name').textContent === 'Nagasaki boats',
    undefined,
    TIMEOUT,
  );
});

const DEVICES = { desktop: DESKTOP, phone: PHONE };
// What is checked depends on the widths and on the colours, hardly on both together.
const LOOKS = [
  ['desktop', 'light'],
  ['phone', 'dark'],
  ...(isFull
    ? [
        ['desktop', 'dark'],
        ['phone', 'light'],
      ]
    : []),
];
for (const [device, colorScheme] of LOOKS) {
  test(`axe finds nothing: ${device}, ${colorScheme}`, async (t) => {
    const page = await openSamples(t, { viewport: DEVICES[device], colorScheme });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await rankBy(page, 'Nagasaki boats');
    const found = {};
    for (const tab of TABS) {
      await openTab(page, tab);
      await idle(page);
      if (tab === 'map') await page.click('.map-list summary');
      found[tab] = await violations(page);
      if (tab === 'map') await page.click('.map-list summary');
    }
    await page.click('#model-button');
    found.dialog = await violations(page);
    await page.keyboard.press('Escape');
    assert.deepEqual(found, Object.fromEntries(Object.keys(found).map((tab) => [tab, []])));
  });
}

test('axe finds nothing at the start', async (t) => {
  const page = await openDemo(t, shared);
  for (const [viewport, colorScheme] of [
    [DESKTOP, 'light'],
    [PHONE, 'dark'],
  ]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
  }
});

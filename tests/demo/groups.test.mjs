// The demo's Duplicates and Map in Chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  embedded,
  idle,
  modelReady,
  openDemo,
  openTab,
  sampleGallery,
  samples,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);

const kin = (name) => name.replace(/, .*/, '');
const settled = (page, pattern) =>
  page.waitForFunction(
    (text) =>
      new RegExp(text).test(
        document.querySelector('.tab-panel:not([hidden]) .tool-count')?.textContent ?? '',
      ),
    pattern.source,
    TIMEOUT,
  );

test('duplicates: the groups are those of the index; the largest is kept; the list can be saved', async (t) => {
  const page = await openSamples(t, { tab: 'duplicates' });
  await settled(page, /in \d+ groups/);
  const groups = await page.$$eval('.groups > li', (all) =>
    all.map((group) =>
      Array.from(group.querySelectorAll('.twin'), (twin) => ({
        name: twin.querySelector('.name').textContent,
        size: twin.querySelector('.muted').textContent,
        kept: twin.querySelector('input').checked,
      })),
    ),
  );
  assert.ok(groups.length >= 5, `${groups.length} groups`);
  // At 0.95 only copies of the same photo are that alike.
  for (const group of groups) assert.equal(new Set(group.map(({ name }) => kin(name))).size, 1);
  const pixels = ({ size }) =>
    size
      .match(/(\d+) × (\d+)/)
      .slice(1)
      .reduce((a, b) => a * b);
  for (const group of groups) {
    const kept = group.filter((twin) => twin.kept);
    assert.equal(kept.length, 1);
    assert.equal(pixels(kept[0]), Math.max(...group.map(pixels)));
  }
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export list' }).click(),
  ]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(lines[0], 'group\twhat\tname');
  assert.equal(lines.length - 1, groups.flat().length);
  assert.equal(lines.filter((line) => line.split('\t')[1] === 'keep').length, groups.length);

  // Stricter: fewer. By keyboard, as any slider.
  const all = groups.flat().length;
  await page.focus('#panel-duplicates input[type="range"]');
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowRight');
  await page.waitForFunction((before) => document.querySelectorAll('.twin').length < before, all, TIMEOUT);
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((before) => document.querySelectorAll('.twin').length === before, all, TIMEOUT);
});

test('duplicates: the others are taken out of the collection, for good', async (t) => {
  const page = await openDemo(t, shared);
  await page.click('#samples');
  await embedded(page, samples.length);
  await openTab(page, 'duplicates');
  await settled(page, /could go/);
  const [, others] = /; (\d+) could go/.exec(await page.textContent('#panel-duplicates .tool-count'));
  await page.getByRole('button', { name: /^Remove the others/ }).click();
  await embedded(page, samples.length - Number(others));
  await settled(page, /^No two photos/);
  await page.reload();
  await modelReady(page);
  await embedded(page, samples.length - Number(others));
  assert.equal(await page.locator('.groups > li').count(), 0);
});

const picture = (page) => page.$eval('.map-canvas canvas', (canvas) => canvas.toDataURL());
const repainted = (page, old) =>
  page.waitForFunction(
    (before) => document.querySelector('.map-canvas canvas').toDataURL() !== before,
    old,
    TIMEOUT,
  );

test('map: PCA and UMAP, zoom and pan, choosing by pointer and by keyboard, and as a list', async (t) => {
  const page = await openSamples(t, { tab: 'map' });
  await settled(page, new RegExp(`^${samples.length} photos, \\d+ clusters?$`));
  await page.waitForTimeout(800);
  const pca = await picture(page);
  const canvas = page.locator('.map-canvas canvas');
  const box = await canvas.boundingBox();
  await canvas.hover();
  await page.mouse.wheel(0, -600);
  await repainted(page, pca);
  const zoomed = await picture(page);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 - 120, box.y + box.height / 2 - 60, { steps: 4 });
  await page.mouse.up();
  await page.mouse.move(5, 5);
  await repainted(page, zoomed);
  await canvas.focus();
  await page.keyboard.press('0');

  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('.map-tip:not([hidden])');
  const first = await page.textContent('.map-tip strong');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  const chosen = await page.textContent('.map-tip strong');
  assert.notEqual(chosen, first);
  assert.equal(await page.textContent('#live'), chosen);
  await page.keyboard.press('Enter');
  await page.click('.map-list summary');
  assert.equal(await page.locator('.map-list [aria-pressed="true"]').textContent(), chosen);
  // Each photo is in the list once, and copies of the same photo are mostly together.
  const lists = await page.$$eval('.clusters section', (all) =>
    all.map((section) => Array.from(section.querySelectorAll('button'), (one) => one.textContent)),
  );
  assert.equal(lists.flat().length, samples.length);
  assert.equal(new Set(lists.flat()).size, samples.length);
  const other = await page.locator('.map-list [aria-pressed="false"]').first();
  const name = await other.textContent();
  await other.click();
  await openTab(page, 'search');
  await page.waitForFunction(
    (text) => document.getElementById('ranking-name').textContent === text,
    name,
    TIMEOUT,
  );

  await openTab(page, 'map');
  await page.getByLabel('UMAP').check();
  await repainted(page, await picture(page));
  await idle(page);
  await page.click('.map-list summary');
});

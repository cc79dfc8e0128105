// The demo's Teach tab in Chromium: examples, predictions, accuracy, and what is kept and saved.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createModel } from '../../dist/node.mjs';
import { KnnClassifier } from '../../dist/node-recipes.mjs';
import {
  demo,
  modelReady,
  NARROW,
  overflow,
  sampleGallery,
  samples,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);
const openTeach = (t, options) => openSamples(t, { ...options, tab: 'teach' });

const fullName = ({ title, edit }) => (edit ? `${title}, ${edit}` : title);
const titles = [...new Set(samples.map(({ title }) => title))];

const all = (page) => page.getByRole('list', { name: 'All photos' });
const photo = (page, name) => all(page).locator(`.teach-card[aria-label^="${name}:"]`);
const saying = (page, words) =>
  page.waitForFunction((text) => document.querySelector('#live').textContent.includes(text), words, TIMEOUT);

/** Waits until every photo is an example or predicted, and nothing more is done. */
const predicted = (page) =>
  page.waitForFunction(
    () =>
      [...document.querySelectorAll('[aria-label="All photos"] .teach-card')].every(
        ({ dataset }) => dataset.label || dataset.predicted,
      ),
    undefined,
    TIMEOUT,
  );

async function addClass(page, name) {
  await page.fill('#class-name', name);
  await page.keyboard.press('Enter');
  await page.locator(`.class[data-name="${name}"]`).waitFor();
}

async function startAnew(page) {
  const clear = page.locator('#panel-teach').getByRole('button', { name: 'Clear' });
  if (await clear.isEnabled()) await clear.click();
  assert.equal(await page.locator('.class').count(), 0);
}

/** Right answers and how many there were, once they are shown. */
async function right(page, method) {
  const cell = page.locator(`.teach-accuracy [data-method="${method}"] td`).last();
  await page.waitForFunction(
    (id) => / of /.test(document.querySelector(`.teach-accuracy [data-method="${id}"]`).textContent),
    method,
    TIMEOUT,
  );
  return (await cell.textContent()).split(' of ').map(Number);
}

const load = (page, text) =>
  page.setInputFiles('#panel-teach input[type="file"]', {
    name: 'classes.json',
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  });

test('a click, a key and a drag each make an example; the others are predicted, the least sure first', async (t) => {
  const page = await openTeach(t);
  await startAnew(page);
  await addClass(page, 'plants');
  await addClass(page, 'land');
  await photo(page, 'Alpine landscape').click();
  await saying(page, 'Alpine landscape is an example of land');
  await photo(page, 'Acanthus mollis').focus();
  await page.keyboard.press('1');
  await saying(page, 'Acanthus mollis is an example of plants');
  // With what is learned now the photos to label next appear above.
  await predicted(page);
  await photo(page, 'Black Cañon').dragTo(page.locator('.class[data-name="land"]'));
  await saying(page, 'Black Cañon is an example of land');
  await photo(page, 'Allium oreophilum').focus();
  await page.keyboard.press('1');
  await predicted(page);

  const labels = (name) => photo(page, name).getAttribute('data-predicted');
  for (const method of ['k-NN', 'Linear probe']) {
    await page.getByRole('radio', { name: method, exact: true }).check();
    for (const name of ['Acanthus mollis, mirrored', 'Allium oreophilum, tilted'])
      assert.equal(await labels(name), 'plants', `${method}: ${name}`);
    for (const name of ['Alpine landscape, mirrored', 'Black Cañon, blurred'])
      assert.equal(await labels(name), 'land', `${method}: ${name}`);
    const next = page.getByRole('list', { name: 'Photos to label next' }).locator('.teach-card');
    const sure = (
      await next.evaluateAll((cards) => cards.map((card) => card.getAttribute('aria-label')))
    ).map((label) => Number(/, (\d+) % sure$/.exec(label)[1]));
    assert.ok(sure.length > 8);
    assert.deepEqual(
      sure,
      [...sure].sort((a, b) => a - b),
    );
    const everyone = await all(page)
      .locator('.teach-card:not(.is-example)')
      .evaluateAll((cards) =>
        cards.map((card) => Number(/, (\d+) % sure$/.exec(card.getAttribute('aria-label'))[1])),
      );
    assert.equal(sure[0], Math.min(...everyone));
  }

  // Its own class again takes it back; so does Delete.
  await page.locator('.class[data-name="land"] input[type="radio"]').check();
  await photo(page, 'Alpine landscape').click();
  await saying(page, 'Alpine landscape is no example any more');
  await photo(page, 'Black Cañon').focus();
  await page.keyboard.press('Delete');
  await saying(page, 'Black Cañon is no example any more');
  assert.equal(await page.locator('.class[data-name="land"] .class-count').textContent(), '0');
});

test('classes by the photos’ names: the accuracy shown is the library’s, and stays over a reload', async (t) => {
  const page = await openTeach(t);
  const classes = titles.map((name, i) => ({
    name,
    colour: `#${(0x102030 * (i + 1)).toString(16).padStart(6, '0')}`,
    photos: samples
      .filter(({ title }) => title === name)
      .map((sample) => ({ id: 'of another visit', name: fullName(sample) })),
  }));
  await load(page, JSON.stringify({ format: 'vitreous-classes', version: 1, classes }));
  await saying(page, `${samples.length} of ${samples.length} examples are in this collection`);
  const [knn, count] = await right(page, 'knn');
  assert.equal(count, samples.length);

  const model = await createModel('vit_nano_patch16_224', { numClasses: 0 });
  const reference = new KnnClassifier(model);
  const files = samples.map(({ file }) => join(demo, 'samples', file));
  await reference.add(
    files,
    samples.map(({ title }) => title),
  );
  const accuracy = await reference.leaveOneOut();
  reference.dispose();
  model.dispose();

  await page.getByRole('button', { name: 'Check the probe' }).click();
  const [probe] = await right(page, 'probe');
  t.diagnostic(`right of ${count}: k-NN ${knn}, linear probe ${probe}; k-NN in Node ${accuracy * count}`);
  assert.ok(Math.abs(knn - accuracy * count) <= 1, 'the kept copies are the files, decoded by the browser');
  assert.ok(knn >= 0.9 * count && probe >= 0.9 * count);

  await page.reload();
  await modelReady(page);
  await page.waitForSelector('.teach-card.is-example', TIMEOUT);
  assert.equal(await page.locator('.class').count(), titles.length);
  assert.deepEqual(await right(page, 'knn'), [knn, count]);
});

test('what is saved is JSON with the examples and the predictions; what is not that is refused', async (t) => {
  const page = await openTeach(t);
  await startAnew(page);
  await addClass(page, 'boats');
  await addClass(page, 'cats');
  await photo(page, 'House cat').focus();
  await page.keyboard.press('2');
  await photo(page, 'Nagasaki boats').focus();
  await page.keyboard.press('1');
  await predicted(page);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as JSON' }).click();
  const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  assert.deepEqual(
    saved.classes.map(({ name, photos }) => [name, photos.map((one) => one.name)]),
    [
      ['boats', ['Nagasaki boats']],
      ['cats', ['House cat']],
    ],
  );
  assert.equal(saved.model, 'vit_nano_patch16_224');
  assert.equal(saved.predictions.length, samples.length - 2);
  const mirrored = saved.predictions.find((one) => one.photo === 'House cat, mirrored');
  assert.equal(mirrored.knn.label, 'cats');
  assert.ok(mirrored.probe.probability > 0.5 && mirrored.probe.probability <= 1);

  for (const [text, message] of [
    ['not JSON', /no JSON/],
    ['{"format":"something else"}', /holds no classes/],
    [JSON.stringify({ ...saved, version: 2 }), /version 2/],
    [JSON.stringify({ ...saved, classes: [{ name: 'boats' }] }), /damaged/],
  ]) {
    await load(page, text);
    await page.waitForFunction(
      (source) => new RegExp(source).test(document.getElementById('notice-text').textContent),
      message.source,
      TIMEOUT,
    );
    assert.equal(await page.locator('.class').count(), 2, 'nothing is lost');
  }

  await page.getByRole('button', { name: 'Remove cats' }).click();
  assert.equal(await page.locator('.class').count(), 1);
  await page.locator('#panel-teach').getByRole('button', { name: 'Undo' }).click();
  assert.equal(await page.locator('.class[data-name="cats"] .class-count').textContent(), '1');
  await page.locator('.class[data-name="cats"] .class-name').fill('boats');
  await page.keyboard.press('Tab');
  await saying(page, 'names are different');
  await page.locator('.class[data-name="cats"] .class-name').fill('felines');
  await page.keyboard.press('Tab');
  assert.equal(await page.locator('.class[data-name="felines"] .class-count').textContent(), '1');

  await page.setViewportSize(NARROW);
  assert.equal(await overflow(page), 0);
});

// The demo's Search in Chromium: by a photo, by a part of it, by one from outside, more and less like others.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  card,
  cards,
  embedded,
  fixtures,
  openDemo,
  rankBy,
  sampleGallery,
  samples,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);

const similarityOf = (label) => Number(/similarity (-?[\d.]+)/.exec(label)[1]);

/** Does something, and waits until the order of the cards, or a badge, is another one. */
async function reranked(page, act) {
  const before = String(await cards(page));
  await act();
  await page.waitForFunction(
    (old) =>
      String(Array.from(document.querySelectorAll('#grid .card-open'), (one) => one.textContent)) !== old,
    before,
    TIMEOUT,
  );
  return cards(page);
}

test('a photo ranks its own copies before other photos', async (t) => {
  const page = await openSamples(t);
  const originals = samples.filter((sample) => sample.edit === null);
  const first = { mirrored: 0, any: 0 };
  for (const { title } of originals) {
    await rankBy(page, title);
    const [query, ...others] = await cards(page);
    assert.equal(query, `${title}, Query`);
    const similarities = others.map(similarityOf);
    assert.deepEqual(
      similarities,
      [...similarities].sort((a, b) => b - a),
    );
    const ranks = others.flatMap((label, i) => (label.startsWith(`${title}, `) ? [i + 1] : []));
    t.diagnostic(`${title}: its copies come at ${ranks.join(', ')}`);
    assert.equal(ranks.length, samples.length / originals.length - 1);
    if (ranks[0] === 1) first.any++;
    if (others[0].startsWith(`${title}, mirrored`)) first.mirrored++;
    await page.keyboard.press('Escape');
    await page.waitForSelector('#ranking', { state: 'hidden' });
  }
  assert.equal(first.any, originals.length);
  assert.ok(first.mirrored >= 1);
  assert.equal((await cards(page)).length, samples.length);
});

test('a part of the photo: dragged, moved with the keyboard, and dropped', async (t) => {
  const page = await openSamples(t);
  await rankBy(page, 'Nagasaki boats');
  const whole = await cards(page);
  const box = await page.locator('#query-image').boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  const part = await reranked(page, async () => {
    await page.mouse.move(...at(0.5, 0.3));
    await page.mouse.down();
    await page.mouse.move(...at(0.7, 0.6), { steps: 3 });
    await page.mouse.move(...at(0.8, 0.75));
    await page.mouse.up();
  });
  assert.equal(part[0], whole[0]);
  assert.notDeepEqual(part, whole);
  assert.match(await page.textContent('#ranking-name'), /^this part of Nagasaki boats$/);
  const frame = await page.$eval('#region', ({ style }) =>
    [style.left, style.top].map((text) => Math.round(parseFloat(text))),
  );
  assert.deepEqual(frame, [50, 30]);

  await page.focus('#region');
  await reranked(page, () => page.keyboard.press('ArrowLeft'));
  await reranked(page, () => page.keyboard.press('Shift+ArrowDown'));
  const again = await reranked(page, () => page.keyboard.press('Escape'));
  assert.deepEqual(again, whole);
  assert.ok(await page.isHidden('#region'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'mark-region');
  // Without a pointer it begins in the middle.
  await reranked(page, () => page.keyboard.press('Enter'));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'region');
});

test('more like these, less like that: with the pointer and with keys', async (t) => {
  const page = await openSamples(t);
  await rankBy(page, 'Alpine landscape');
  const plain = await cards(page);
  const cat = plain.findIndex((label) => label.startsWith('House cat'));
  const more = await reranked(page, async () => {
    await card(page, 'House cat').hover();
    await card(page, 'House cat').locator('xpath=../*').locator('[data-mark="more"]').click();
  });
  const marked = more.findIndex((label) => label.startsWith('House cat'));
  assert.ok(marked < cat, `it was at ${cat}, and is at ${marked}`);
  assert.match(more[marked], /, more like this$/);
  assert.equal(await page.locator('#marks-list button').count(), 1);

  const boats = more.findIndex((label) => label.startsWith('Nagasaki boats'));
  await card(page, 'Nagasaki boats').focus();
  const less = await reranked(page, () => page.keyboard.press('-'));
  assert.ok(less.findIndex((label) => label.startsWith('Nagasaki boats')) > boats);
  await reranked(page, () => page.locator('#marks-list button.less').click());
  const back = await reranked(page, () => page.locator('#marks-list button.more').click());
  assert.deepEqual(back, plain);

  // Marks alone are a search too.
  await page.keyboard.press('Escape');
  await page.waitForSelector('#ranking', { state: 'hidden' });
  await card(page, 'House cat').focus();
  const only = await reranked(page, () => page.keyboard.press('+'));
  assert.match(only[0], /^House cat, similarity 1\.000, more like this$/);
  const copies = samples.filter(({ title }) => title === 'House cat').length;
  assert.ok(only.slice(1, copies).every((label) => label.startsWith('House cat')));
});

test('a photo from outside is searched for, and does not come into the collection', async (t) => {
  const page = await openSamples(t);
  const found = await reranked(page, () =>
    page.setInputFiles('#query-file', join(fixtures, 'acanthus_rgb_300x401.png')),
  );
  assert.match(found[0], /^Acanthus mollis.*similarity 0\.9/);
  assert.equal(found.length, samples.length);
  assert.equal(await page.textContent('#query-edit'), 'not in the collection');
  await embedded(page, samples.length);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#ranking', { state: 'hidden' });
});

test('everything with the keyboard: samples, arrows, ranking, back', async (t) => {
  const page = await openDemo(t, shared);
  const focusedId = () => page.evaluate(() => document.activeElement.id);
  for (let i = 0; i < 14 && (await focusedId()) !== 'samples'; i++) await page.keyboard.press('Tab');
  assert.equal(await focusedId(), 'samples');
  await page.keyboard.press('Enter');
  await embedded(page, samples.length);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  const names = await cards(page);
  for (let i = 0; i < 10 && (await focused()) !== names[0]; i++) await page.keyboard.press('Tab');
  assert.equal(await focused(), names[0]);
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), names[1]);
  await page.keyboard.press('ArrowDown');
  const below = await focused();
  assert.ok(names.indexOf(below) > 1);
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(), names[1]);
  await page.keyboard.press('End');
  assert.equal(await focused(), names.at(-1));
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');

  await page.keyboard.press('Enter');
  await page.waitForFunction(
    (text) => document.getElementById('live').textContent.startsWith(text),
    `${samples.length - 1} photos ranked by similarity`,
    TIMEOUT,
  );
  assert.match(await focused(), /, Query$/);
  assert.equal(await page.textContent('#ranking-name'), names[1]);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#ranking', { state: 'hidden' });
  assert.deepEqual(await cards(page), names);
  assert.equal(await focused(), names[1]);
  assert.equal(await page.locator('#grid .card-open[tabindex="0"]').count(), 1);
});

// The demo's collection in Chromium: what comes in, what is kept, what is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readGolden } from '../js/support/npy.mjs';
import {
  card,
  cards,
  displayedVector,
  embedded,
  fixtures,
  largestDifference,
  modelReady,
  openDemo,
  rankBy,
  root,
  sampleGallery,
  samples,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);
const BOATS = join(fixtures, 'boats_rgb_320x200.png');
const ACANTHUS = join(fixtures, 'acanthus_rgb_300x401.png');

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the sample photos are embedded, without an error, a warning or a foreign request', async (t) => {
  const page = await openSamples(t);
  assert.equal(await page.locator('#grid .card-open:not(.is-waiting) img').count(), samples.length);
  assert.match(await page.textContent('#speed'), /^\d+ ms per image$/);
  assert.equal(await page.textContent('#variant'), 'relaxed SIMD');
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  assert.ok(await page.isHidden('#skipped'));
  assert.match(await page.textContent('.foot'), /81\.5\s%.*52\.6\s%/s);
});

test('file input to displayed vector: the command line’s within 1e-5, timm’s within 2e-4', async (t) => {
  const page = await openDemo(t, shared);
  const files = readdirSync(fixtures).filter((file) => file.endsWith('.png'));
  assert.ok(files.length >= 4 && files.some((file) => file.includes('rgba')));
  const paths = files.map((file) => join(fixtures, file));
  await page.setInputFiles('#files', paths);
  await embedded(page, files.length);

  const output = execFileSync(process.execPath, [join(root, 'dist/cli.mjs'), 'embed', ...paths], {
    encoding: 'utf8',
  });
  const lines = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const golden = readGolden('fixtures/nano_embedding.npy');
  const goldenFiles = JSON.parse(readFileSync(join(root, 'tests/goldens/fixtures/images.json'), 'utf8'));
  for (const [i, file] of files.entries()) {
    await rankBy(page, file);
    const vector = await displayedVector(page, file);
    const dim = golden.shape[1];
    const row = goldenFiles.findIndex((image) => image.file === file);
    const fromCli = largestDifference(vector, lines[i].embedding);
    const fromTimm = largestDifference(vector, golden.data.slice(row * dim, (row + 1) * dim));
    t.diagnostic(
      `${file}: ${fromCli.toExponential(1)} from the command line, ${fromTimm.toExponential(1)} from timm`,
    );
    assert.ok(fromCli <= 1e-5, `${file}: ${fromCli} from the command line`);
    assert.ok(fromTimm <= 2e-4, `${file}: ${fromTimm} from timm`);
  }
});

/** While the work goes on, so many are embedded: "24 photos …" is said before it has begun. */
const underway = (page, least) =>
  page.waitForFunction(
    (least) => Number(/^(\d+) of \d+$/.exec(document.getElementById('count').textContent)?.[1]) >= least,
    least,
    TIMEOUT,
  );

test('Cancel stops the work, Continue takes it up, also after a reload', async (t) => {
  const page = await openDemo(t, shared);
  // Slower than any machine embeds: there is something left when Cancel is pressed.
  await page.route('**/samples/*.jpg', async (route) => {
    await delay(250);
    await route.continue();
  });
  await page.click('#samples');
  await underway(page, 3);
  await page.click('#cancel');
  await page.waitForFunction(() => /^Stopped at/.test(document.getElementById('count').textContent));
  await page.waitForTimeout(600);
  const count = await page.textContent('#count');
  const [, done, of] = /^Stopped at (\d+) of (\d+)$/.exec(count);
  assert.equal(Number(of), samples.length);
  assert.ok(Number(done) < samples.length);
  await page.waitForTimeout(600);
  assert.equal(await page.textContent('#count'), count);
  assert.equal(await page.locator('#grid .card-open:not(.is-waiting)').count(), Number(done));
  await page.click('#continue');
  await underway(page, Number(done) + 1);
  // What was prepared by then is embedded without being asked for.
  await page.reload();
  await modelReady(page);
  await page.waitForFunction(
    () => /^\d+ photos$/.test(document.getElementById('count').textContent),
    undefined,
    TIMEOUT,
  );
  const kept = Number.parseInt(await page.textContent('#count'), 10);
  assert.ok(kept >= Number(done), `${kept} photos are kept`);
  await page.waitForFunction(() => !document.querySelector('#grid .is-waiting'), undefined, TIMEOUT);
});

test('a folder is read whole; what is not an image, or broken, is listed and skipped', async (t) => {
  const photos = join(folder, 'photos');
  mkdirSync(join(photos, 'inner'), { recursive: true });
  const png = readFileSync(BOATS);
  writeFileSync(join(photos, 'good.png'), png);
  writeFileSync(join(photos, 'inner', 'also good.png'), png);
  writeFileSync(join(photos, 'inner', 'broken.png'), 'not a picture');
  writeFileSync(join(photos, 'notes.txt'), 'notes');
  writeFileSync(join(photos, '.hidden'), '');
  const page = await openDemo(t, shared);
  await page.setInputFiles('#folder', photos);
  await embedded(page, 2);
  const skipped = await page.locator('#skipped-list li').allTextContents();
  assert.equal(skipped.length, 2);
  assert.ok(skipped.some((line) => /notes\.txt Not an image file\./.test(line)));
  assert.ok(skipped.some((line) => /broken\.png .*could not be decoded/.test(line)));
});

/** Fires a drop, or a paste, with these files. */
const hand = (page, kind, path, name) =>
  page.evaluate(
    ([base64, kind, name]) => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      data.items.add(new File([bytes], name, { type: 'image/png' }));
      const options = { bubbles: true, cancelable: true };
      if (kind === 'paste')
        return document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, ...options }));
      const fire = (type) =>
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, ...options }));
      fire('dragenter');
      if (!document.body.classList.contains('is-dropping'))
        throw new Error('The page does not show where to drop.');
      return fire('drop');
    },
    [readFileSync(path).toString('base64'), kind, name],
  );

test('photos can be dropped and pasted; Clear takes all of them away, also from what is kept', async (t) => {
  const page = await openDemo(t, shared);
  await hand(page, 'drop', ACANTHUS, 'dropped.png');
  await embedded(page, 1);
  await hand(page, 'paste', BOATS, 'pasted.png');
  await embedded(page, 2);
  assert.deepEqual(await cards(page), ['dropped.png', 'pasted.png']);
  await page.click('[data-action="clear"]');
  await page.waitForFunction(() => document.activeElement.id === 'samples', undefined, TIMEOUT);
  assert.ok(await page.isVisible('#intro'));
  await page.reload();
  await modelReady(page);
  assert.ok(await page.isVisible('#intro'));
  const left = await page.evaluate(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name);
    const open = (name) =>
      new Promise((done, failed) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => done(request.result);
        request.onerror = () => failed(request.error);
      });
    const database = await open('vitreous demo');
    const count = (store) =>
      new Promise((done) => {
        const request = database.transaction(store).objectStore(store).count();
        request.onsuccess = () => done(request.result);
      });
    return { names, photos: await count('photos'), pixels: await count('pixels') };
  });
  assert.equal(left.photos, 0);
  assert.equal(left.pixels, 0);
});

test('after a reload the photos are there before the model is, and nothing is embedded again', async (t) => {
  const page = await openDemo(t, shared);
  await page.setInputFiles('#files', [BOATS, ACANTHUS]);
  await embedded(page, 2);
  await rankBy(page, 'boats_rgb_320x200.png');
  const before = await cards(page);
  // The engine does not come for as long as it takes to look.
  let go;
  const held = new Promise((done) => {
    go = done;
  });
  await page.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('about:blank');
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction(
    () => document.querySelectorAll('#grid .card-open img').length === 2,
    undefined,
    TIMEOUT,
  );
  assert.equal(await page.textContent('#model-facts'), '');
  go();
  await modelReady(page);
  await embedded(page, 2);
  assert.equal(await page.textContent('#speed'), '', 'no photo was embedded in this visit');
  // The same photo is searched for as before.
  await page.waitForSelector('#grid .card.is-query .badge', TIMEOUT);
  await page.waitForFunction(
    () => document.querySelectorAll('#grid .badge').length === 2,
    undefined,
    TIMEOUT,
  );
  assert.deepEqual(await cards(page), before);
  await card(page, 'acanthus').click();
  await displayedVector(page, 'acanthus_rgb_300x401.png');
});

test('a second tab shows the collection, and says why it cannot change it', async (t) => {
  const page = await openDemo(t, shared);
  await page.setInputFiles('#files', [BOATS, ACANTHUS]);
  await embedded(page, 2);
  const second = await page.context().newPage();
  await second.goto(shared.server.url);
  await modelReady(second);
  await embedded(second, 2);
  await second.waitForSelector('#notice:not([hidden])', TIMEOUT);
  assert.equal(await second.textContent('#notice-code'), 'INDEX_LOCKED');
  await rankBy(second, 'boats_rgb_320x200.png');
  assert.match((await cards(second))[1], /similarity 0\.\d+$/);
  await second.setInputFiles('#files', BOATS);
  await second.waitForFunction(() =>
    /add the photos there/.test(document.getElementById('notice-text').textContent),
  );
  await embedded(second, 2);
});

test('a full disk is said, with what to do; the photos that were kept stay', async (t) => {
  const { default: sharp } = await import('sharp');
  // Noise, which nothing can compress: 0.75 MB each.
  const side = 500;
  const paths = [];
  for (let i = 0; i < 8; i++) {
    const raw = { width: side, height: side, channels: 3 };
    const path = join(folder, `noise ${i}.png`);
    await sharp(randomBytes(side * side * 3), { raw })
      .png({ compressionLevel: 1 })
      .toFile(path);
    paths.push(path);
  }
  const page = await openDemo(t, shared);
  // Before anything large is written: Chromium remembers for a while how much room there was.
  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(shared.server.url);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 4e6 });
  await page.setInputFiles('#files', paths);
  await page.waitForSelector('#notice:not([hidden])', TIMEOUT);
  assert.equal(await page.textContent('#notice-code'), 'STORAGE_FULL');
  await page.waitForFunction(() => /^Stopped at/.test(document.getElementById('count').textContent));
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await page.click('#continue');
  await embedded(page, paths.length);
});

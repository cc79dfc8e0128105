// The demo page in Chromium, from the built files. UPDATE_SCREENSHOT=1 also makes docs/demo.png anew.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../scripts/serve.mjs';
import { readGolden } from '../js/support/npy.mjs';
import { DESKTOP, embedded, launchChromium, NARROW, openPage, PHONE } from './support/demo-page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'tests/fixtures');
const screenshots = join(root, 'build/screenshots');
const checkpoint = join(root, 'dist/vit_nano_patch16_224.safetensors');
const samples = JSON.parse(readFileSync(join(root, 'build/demo/samples/samples.json'), 'utf8'));

let server;
let browser;
let folder;
let gallery;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
  mkdirSync(screenshots, { recursive: true });
  server = await serve({ root: join(root, 'build/demo'), port: 0 });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A page for one test; nothing may have gone wrong in it when the test ends. */
async function openDemo(t) {
  const { page, problems } = await openPage(browser, server.url);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(problems, []);
  });
  return page;
}

/** The page with all samples embedded: one for all the tests that only look at it. */
async function openSamples(t, { viewport = DESKTOP, colorScheme = 'light' } = {}) {
  gallery ??= openPage(browser, server.url).then(async ({ page, problems }) => {
    await page.click('#samples');
    await embedded(page, samples.length);
    return { page, problems };
  });
  const { page, problems } = await gallery;
  t.after(() => assert.deepEqual(problems, []));
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(viewport);
  await page.mouse.move(0, 0);
  await page.keyboard.press('Escape');
  await page.evaluate(() => scrollTo(0, 0));
  return page;
}

const cards = (page) =>
  page.$$eval('#grid .card', (all) => all.map((card) => card.getAttribute('aria-label')));
const card = (page, title, edit = '') =>
  page.locator(`#grid .card[aria-label^="${title}${edit && `, ${edit}`}"]`).first();

/** The whole embedding that the panel shows, once it shows the one of this photo. */
async function displayedVector(page, name) {
  const shown = page.locator(`#embedding[data-photo="${name}"]`);
  await shown.waitFor({ state: 'attached' });
  return JSON.parse(await shown.textContent());
}

const pictureOf = (page) => page.$eval('#picture', (canvas) => canvas.toDataURL());
const waitForHead = (page, head) => page.waitForSelector(`#picture[data-head="${head}"]`);

function largestDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

test('the sample photos are embedded, without an error, a warning or a foreign request', async (t) => {
  const page = await openSamples(t);
  assert.equal(await page.locator('#grid .card:not(.is-waiting) img').count(), samples.length);
  assert.match(await page.textContent('#speed'), /^\d+ ms per image$/);
  assert.equal(await page.textContent('#variant'), 'relaxed SIMD');
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  assert.ok(await page.isHidden('#skipped'));
  assert.match(await page.textContent('.foot'), /81\.5\s%.*52\.6\s%/s);
});

test('a photo ranks its own copies before other photos', async (t) => {
  const page = await openSamples(t);
  const originals = samples.filter((sample) => sample.edit === null);
  const first = { mirrored: 0, any: 0 };
  for (const { title } of originals) {
    await card(page, title).click();
    const [query, ...others] = await cards(page);
    assert.equal(query, `${title}, the photo you compare with`);
    const similarities = others.map((label) => Number(/similarity (-?[\d.]+)$/.exec(label)[1]));
    assert.deepEqual(
      similarities,
      [...similarities].sort((a, b) => b - a),
    );
    const ranks = others.flatMap((label, i) => (label.startsWith(`${title}, `) ? [i + 1] : []));
    t.diagnostic(`${title}: its copies come at ${ranks.join(', ')}`);
    assert.equal(ranks.length, 5);
    if (ranks[0] === 1) first.any++;
    if (others[0].startsWith(`${title}, mirrored`)) first.mirrored++;
    await page.keyboard.press('Escape');
  }
  assert.equal(first.any, originals.length);
  assert.ok(first.mirrored >= 1);
  assert.deepEqual((await cards(page)).length, samples.length);
});

test('file input to displayed vector: the command line’s within 1e-5, timm’s within 2e-4', async (t) => {
  const page = await openDemo(t);
  const files = readdirSync(fixtures).filter((file) => file.endsWith('.png'));
  assert.ok(files.length >= 4 && files.some((file) => file.includes('rgba')));
  await page.setInputFiles(
    '#files',
    files.map((file) => join(fixtures, file)),
  );
  await embedded(page, files.length);

  const paths = files.map((file) => join(fixtures, file));
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
    await card(page, file).click();
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

test('the attention map lies over the photo and changes with the head', async (t) => {
  const page = await openSamples(t);
  await card(page, 'Airplane from above').hover();
  await waitForHead(page, 'mean');
  await page.locator('#inspector-title', { hasText: 'Airplane from above' }).waitFor();
  await page.locator('#grid .card[aria-label="Airplane from above"] .card-map').waitFor();
  assert.equal(await page.locator('#heads .chip').count(), 6);

  const seen = new Map([['mean', await pictureOf(page)]]);
  for (const head of ['0', '1', '2', '3', 'off']) {
    await page.locator(`#heads [data-head="${head}"]`).click();
    await waitForHead(page, head);
    seen.set(head, await pictureOf(page));
  }
  assert.equal(new Set(seen.values()).size, seen.size);
  await page.keyboard.press('2');
  await waitForHead(page, '1');
  assert.equal(await pictureOf(page), seen.get('1'));
  assert.match(await page.textContent('#legend-max'), /^\d+\.\d %$/);
});

test('everything with the keyboard: samples, arrows, ranking, heads, back', async (t) => {
  const page = await openDemo(t);
  const focusedId = () => page.evaluate(() => document.activeElement.id);
  for (let i = 0; i < 10 && (await focusedId()) !== 'samples'; i++) await page.keyboard.press('Tab');
  assert.equal(await focusedId(), 'samples');
  await page.keyboard.press('Enter');
  await embedded(page, samples.length);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  const names = await cards(page);
  assert.equal(await focused(), names[0]);
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), names[1]);
  await page.keyboard.press('ArrowDown');
  const below = await focused();
  assert.ok(names.indexOf(below) > 1);
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(), names[1]);
  await waitForHead(page, 'mean');
  assert.equal(await page.textContent('#inspector-edit'), 'cropped');
  await page.keyboard.press('3');
  await waitForHead(page, '2');

  await page.keyboard.press('Enter');
  assert.match(await focused(), /the photo you compare with$/);
  assert.equal(await page.textContent('#ranking-name'), names[1]);
  assert.match(await page.textContent('#live'), /^53 photos ranked by similarity/);
  await page.keyboard.press('Escape');
  assert.ok(await page.isHidden('#ranking'));
  assert.deepEqual(await cards(page), names);
  assert.equal(await focused(), names[1]);
  assert.equal(await page.locator('#grid .card[tabindex="0"]').count(), 1);
});

test('a broken checkpoint is refused with its code, and the model in use goes on', async (t) => {
  const page = await openDemo(t);
  const bytes = readFileSync(checkpoint);
  const truncated = join(folder, 'truncated.safetensors');
  writeFileSync(truncated, bytes.subarray(0, bytes.length * 0.6));
  await page.click('#model-button');
  await page.check('input[value="file"]');
  await page.setInputFiles('#checkpoint', truncated);
  await page.click('#model-load');
  await page.waitForSelector('#model-error:not([hidden])');
  assert.equal(await page.textContent('#model-error-code'), 'CHECKPOINT_TRUNCATED');
  assert.match(await page.textContent('#model-error-rest'), /vit_nano_patch16_224 is still in use/);
  await page.keyboard.press('Escape');
  await page.setInputFiles('#files', join(fixtures, 'boats_rgb_320x200.png'));
  await embedded(page, 1);
});

test('a checkpoint from a file and from an address: bytes are counted, photos embedded again', async (t) => {
  const page = await openDemo(t);
  const name = 'boats_rgb_320x200.png';
  await page.setInputFiles('#files', join(fixtures, name));
  await embedded(page, 1);
  await card(page, name).click();
  const before = await displayedVector(page, name);
  await page.evaluate(() => {
    window.progressTexts = [];
    const text = document.getElementById('model-progress-text');
    new MutationObserver(() => window.progressTexts.push(text.textContent)).observe(text, {
      childList: true,
    });
  });
  const use = async (source, fill) => {
    await page.click('#model-button');
    await page.check(`input[value="${source}"]`);
    await fill();
    await page.evaluate(() => {
      document.getElementById('embedding').dataset.photo = '';
    });
    await page.click('#model-load');
    await page.waitForSelector('#model-dialog:not([open])', { state: 'attached' });
    assert.equal(await page.textContent('#model-origin'), 'your checkpoint');
    assert.deepEqual(await displayedVector(page, name), before);
  };
  await use('file', () => page.setInputFiles('#checkpoint', checkpoint));
  await use('url', () =>
    page.fill('#checkpoint-url', new URL('vit_nano_patch16_224.safetensors', server.url).href),
  );
  const texts = await page.evaluate(() => window.progressTexts);
  assert.ok(texts.includes('10.5 of 10.5 MB'), texts.join());
  assert.ok(
    texts.some((text) => /^[0-9]\.\d of 10\.5 MB$/.test(text)),
    texts.join(),
  );
});

test('Cancel stops the work, Continue takes it up', async (t) => {
  const page = await openDemo(t);
  await page.click('#samples');
  await page.waitForFunction(() => Number.parseInt(document.getElementById('count').textContent, 10) >= 3);
  await page.click('#cancel');
  const count = await page.textContent('#count');
  const [, done] = /^Stopped at (\d+) of 54$/.exec(count);
  assert.ok(Number(done) < samples.length);
  await page.waitForTimeout(600);
  assert.equal(await page.textContent('#count'), count);
  assert.equal(await page.locator('#grid .card:not(.is-waiting)').count(), Number(done));
  await page.click('#continue');
  await embedded(page, samples.length);
});

test('a folder is read whole; what is not an image, or broken, is listed and skipped', async (t) => {
  const photos = join(folder, 'photos');
  mkdirSync(join(photos, 'inner'), { recursive: true });
  const png = readFileSync(join(fixtures, 'boats_rgb_320x200.png'));
  writeFileSync(join(photos, 'good.png'), png);
  writeFileSync(join(photos, 'inner', 'also good.png'), png);
  writeFileSync(join(photos, 'inner', 'broken.png'), 'not a picture');
  writeFileSync(join(photos, 'notes.txt'), 'notes');
  writeFileSync(join(photos, '.hidden'), '');
  const page = await openDemo(t);
  await page.setInputFiles('#folder', photos);
  await embedded(page, 2);
  const skipped = await page.locator('#skipped-list li').allTextContents();
  assert.equal(skipped.length, 2);
  assert.ok(skipped.some((line) => /notes\.txt Not an image file\./.test(line)));
  assert.ok(skipped.some((line) => /broken\.png .*could not be decoded/.test(line)));
});

test('photos can be dropped', async (t) => {
  const page = await openDemo(t);
  const bytes = readFileSync(join(fixtures, 'acanthus_rgb_300x401.png')).toString('base64');
  await page.evaluate((base64) => {
    const data = new DataTransfer();
    const file = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    data.items.add(new File([file], 'dropped.png', { type: 'image/png' }));
    const fire = (type) =>
      document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }),
      );
    fire('dragenter');
    if (!document.body.classList.contains('is-dropping'))
      throw new Error('The page does not show where to drop.');
    fire('drop');
  }, bytes);
  await embedded(page, 1);
  assert.deepEqual(await cards(page), ['dropped.png']);
  await page.click('[data-action="clear"]');
  assert.ok(await page.isVisible('#intro'));
});

for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  for (const colorScheme of ['light', 'dark']) {
    test(`looks: ${device}, ${colorScheme}`, async (t) => {
      const page = await openSamples(t, { viewport, colorScheme });
      const shoot = (state) =>
        page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-${state}.png`) });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await page.waitForTimeout(600);
      await shoot('photos');
      await card(page, 'Nagasaki boats').click();
      await page.locator('#heads [data-head="mean"]').click();
      await waitForHead(page, 'mean');
      await page.mouse.move(0, 0);
      await page.waitForTimeout(900);
      await shoot('ranked');
      assert.ok((await overflow()) <= 0, 'the page scrolls sideways');
      if (process.env.UPDATE_SCREENSHOT && device === 'desktop' && colorScheme === 'light') {
        mkdirSync(join(root, 'docs'), { recursive: true });
        const { default: sharp } = await import('sharp');
        const picture = await sharp(await page.screenshot())
          .png({ palette: true, quality: 92 })
          .toBuffer();
        writeFileSync(join(root, 'docs/demo.png'), picture);
      }
      await page.click('#model-button');
      await page.waitForTimeout(200);
      await shoot('model');
      await page.keyboard.press('Escape');
    });
  }
}

test('looks: the start', async (t) => {
  const page = await openDemo(t);
  for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE, narrow: NARROW })) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-start.png`) });
      assert.ok(
        await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
        `${device} scrolls sideways`,
      );
    }
  }
});

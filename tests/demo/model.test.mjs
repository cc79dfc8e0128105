// Models of the visitor's in the demo, in Chromium.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  checkpoint,
  displayedVector,
  embedded,
  fixtures,
  modelReady,
  openDemo,
  rankBy,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const NAME = 'boats_rgb_320x200.png';
let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('a broken checkpoint is refused with its code, and the model in use goes on', async (t) => {
  const page = await openDemo(t, shared);
  const bytes = readFileSync(checkpoint);
  const truncated = join(folder, 'truncated.safetensors');
  writeFileSync(truncated, bytes.subarray(0, bytes.length * 0.6));
  await page.click('#model-button');
  await page.check('input[value="file"]');
  await page.setInputFiles('#checkpoint', truncated);
  await page.click('#model-load');
  await page.waitForSelector('#model-error:not([hidden])', TIMEOUT);
  assert.equal(await page.textContent('#model-error-code'), 'CHECKPOINT_TRUNCATED');
  assert.match(await page.textContent('#model-error-rest'), /vit_nano_patch16_224 is still in use/);
  await page.keyboard.press('Escape');
  await page.setInputFiles('#files', join(fixtures, NAME));
  await embedded(page, 1);
});

test('a checkpoint from a file and from an address: bytes are counted, the index is the model’s, a reload keeps it', async (t) => {
  const page = await openDemo(t, shared);
  await page.setInputFiles('#files', join(fixtures, NAME));
  await embedded(page, 1);
  await rankBy(page, NAME);
  const before = await displayedVector(page, NAME);
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
    await page.waitForSelector('#model-dialog:not([open])', { state: 'attached', ...TIMEOUT });
    assert.equal(await page.textContent('#model-origin'), 'your checkpoint');
    assert.deepEqual(await displayedVector(page, NAME), before);
    await embedded(page, 1);
  };
  await use('file', () => page.setInputFiles('#checkpoint', checkpoint));
  await use('url', () =>
    page.fill('#checkpoint-url', new URL('vit_nano_patch16_224.safetensors', shared.server.url).href),
  );
  const texts = await page.evaluate(() => window.progressTexts);
  assert.ok(texts.includes('10.5 of 10.5 MB'), texts.join());
  assert.ok(
    texts.some((text) => /^[0-9]\.\d of 10\.5 MB$/.test(text)),
    texts.join(),
  );
  await page.reload();
  await modelReady(page);
  assert.equal(await page.textContent('#model-origin'), 'your checkpoint');
  await embedded(page, 1);
});

test('a model that cannot be had again gives way to the packaged one, and that is said', async (t) => {
  const page = await openDemo(t, shared);
  await page.evaluate((url) => {
    localStorage.setItem('vitreous demo: model', JSON.stringify({ name: 'vit_nano_patch16_224', url }));
  }, new URL('gone.safetensors', shared.server.url).href);
  await page.route('**/gone.safetensors', (route) => route.fulfill({ status: 200, body: '' }));
  await page.reload();
  await modelReady(page);
  await page.waitForSelector('#notice:not([hidden])', TIMEOUT);
  assert.equal(await page.textContent('#notice-code'), 'EMPTY_FILE');
  assert.equal(await page.textContent('#model-origin'), 'packaged stand-in');
  await page.click('[data-action="close-notice"]');
  assert.ok(await page.isHidden('#notice'));
});

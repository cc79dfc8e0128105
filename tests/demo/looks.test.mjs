// Pictures of every tab of the demo, in build/screenshots/: they are to be looked at. UPDATE_SCREENSHOT=1 also takes those
// of the README anew, docs/demo*.png.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  DESKTOP,
  isFull,
  NARROW,
  openDemo,
  openTab,
  overflow,
  PHONE,
  rankBy,
  root,
  sampleGallery,
  screenshots,
  TABLET,
  TABS,
  TIMEOUT,
  useDemo,
  WIDE,
} from './support/demo.mjs';

const shared = useDemo();
const openSamples = sampleGallery(shared);
/** What the README shows: a tab by its picture. */
const IN_README = { search: 'demo', attention: 'demo-attention', features: 'demo-features', map: 'demo-map' };

/** Nothing moves, nothing is under way, all pictures are there. */
async function settled(page) {
  await page.waitForFunction(
    () => document.getElementById('tasks').childElementCount === 0,
    undefined,
    TIMEOUT,
  );
  await page.waitForFunction(
    () => Array.from(document.images).every((image) => image.complete || !image.checkVisibility()),
    undefined,
    TIMEOUT,
  );
  await page.waitForTimeout(500);
}

async function save(page, name) {
  const { default: sharp } = await import('sharp');
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 90, effort: 10 })
    .toFile(join(root, `docs/${name}.png`));
}

// The desktop's are those of the README.
const DEVICES = { phone: PHONE, tablet: TABLET, wide: WIDE, ...(isFull && { desktop: DESKTOP }) };

for (const [device, viewport] of Object.entries(DEVICES)) {
  test(`looks: ${device}`, async (t) => {
    const page = await openSamples(t, { viewport });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    for (const tab of TABS) {
      await openTab(page, tab);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await settled(page);
        await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-${tab}.png`) });
        assert.ok((await overflow(page)) <= 0, `${tab} scrolls sideways`);
      }
      if (tab !== 'search') continue;
      await rankBy(page, 'Nagasaki boats');
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await settled(page);
        await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-ranked.png`) });
        assert.ok((await overflow(page)) <= 0, 'the ranking scrolls sideways');
      }
    }
    if (!process.env.UPDATE_SCREENSHOT || device !== 'desktop') return;
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    for (const [tab, name] of Object.entries(IN_README)) {
      await openTab(page, tab);
      await settled(page);
      await page.evaluate(() => scrollTo(0, 0));
      await save(page, name);
    }
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await openTab(page, 'search');
    await settled(page);
    await save(page, 'demo-dark');
  });
}

test('looks: the start and the model’s dialog', async (t) => {
  const page = await openDemo(t, shared);
  const devices = { phone: PHONE, tablet: TABLET, desktop: DESKTOP, wide: WIDE, narrow: NARROW };
  for (const [device, viewport] of Object.entries(devices)) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-start.png`) });
      assert.ok((await overflow(page)) <= 0, `${device} scrolls sideways`);
    }
    await page.click('#model-button');
    await page.screenshot({ path: join(screenshots, `${device}-model.png`) });
    await page.keyboard.press('Escape');
  }
});

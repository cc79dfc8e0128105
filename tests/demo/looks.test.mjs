// Pictures of every tab of the demo, in build/screenshots/: they are to be looked at. UPDATE_SCREENSHOT=1 also takes those
// of the README anew, docs/demo*.png.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  DESKTOP,
  idle,
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

/** Nothing moves, all pictures are there. Of what is rendered: the rest keeps an animation that has ended long since. */
async function settled(page) {
  await page.waitForFunction(
    () => {
      const isRendered = (element) => element.checkVisibility({ contentVisibilityAuto: true });
      return (
        document
          .getAnimations()
          .every(({ playState, effect }) => playState !== 'running' || !isRendered(effect.target)) &&
        Array.from(document.images).every((image) => image.complete || !isRendered(image))
      );
    },
    undefined,
    TIMEOUT,
  );
  // What follows the last of it is drawn.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
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
    const look = async (what) => {
      await idle(page);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await settled(page);
        await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-${what}.png`) });
        assert.ok((await overflow(page)) <= 0, `${what} scrolls sideways`);
      }
    };
    for (const tab of TABS) {
      await openTab(page, tab);
      await look(tab);
      if (tab !== 'search') continue;
      await rankBy(page, 'Nagasaki boats');
      await look('ranked');
    }
    if (!process.env.UPDATE_SCREENSHOT || device !== 'desktop') return;
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    for (const [tab, name] of Object.entries(IN_README)) {
      await openTab(page, tab);
      await idle(page);
      await settled(page);
      await page.evaluate(() => scrollTo(0, 0));
      await save(page, name);
    }
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await openTab(page, 'search');
    await idle(page);
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
    const tops = await page.$$eval('.brand, #model-button, #theme-button', (all) =>
      all.map((one) => one.getBoundingClientRect()).map(({ top, height }) => top + height / 2),
    );
    assert.ok(Math.max(...tops) - Math.min(...tops) < 8, `${device}: the bar's first row is broken`);
    await page.click('#model-button');
    await page.screenshot({ path: join(screenshots, `${device}-model.png`) });
    await page.keyboard.press('Escape');
  }
});

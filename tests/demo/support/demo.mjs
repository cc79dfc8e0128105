// What a file of tests of the demo starts with: the built page, served, in Chromium.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serve } from '../../../scripts/serve.mjs';
import { launchChromium } from '../../browser/support/chromium.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const demo = join(root, 'build/demo');
export const fixtures = join(root, 'tests/fixtures');
export const screenshots = join(root, 'build/screenshots');
const everySample = JSON.parse(readFileSync(join(demo, 'samples/samples.json'), 'utf8'));
// Embedding is what takes the time: as a rule these do, unless the pictures are for the README.
const FEWER = {
  titles: [
    'Nagasaki boats',
    'Acanthus mollis',
    'Alpine landscape',
    'Allium oreophilum',
    'Black Cañon',
    'House cat',
  ],
  edits: [null, 'mirrored', 'blurred', 'tilted'],
};
export const isFull = Boolean(process.env.VITREOUS_TEST_FULL || process.env.UPDATE_SCREENSHOT);
/** The photos behind the page's button, in their order. */
export const samples = everySample.filter(
  ({ title, edit }) => isFull || (FEWER.titles.includes(title) && FEWER.edits.includes(edit)),
);
export const checkpoint = join(root, 'dist/vit_nano_patch16_224.safetensors');

export const PHONE = { width: 390, height: 844 };
export const TABLET = { width: 820, height: 1180 };
export const DESKTOP = { width: 1280, height: 900 };
export const WIDE = { width: 1920, height: 1080 };
export const NARROW = { width: 360, height: 640 };
export const TABS = ['search', 'attention', 'features', 'teach', 'duplicates', 'map', 'measure'];

/** Of a machine that does other things too. */
export const TIMEOUT = { timeout: 300_000 };

/** Serves the page, or a copy of it, with {@link samples}. */
export async function serveDemo({ root = demo, ...options } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-samples-'));
  cpSync(join(demo, 'samples'), folder, { recursive: true });
  writeFileSync(join(folder, 'samples.json'), JSON.stringify(samples));
  const server = await serve({ root, mounts: { '/samples/': folder }, port: 0, ...options });
  const close = () => server.close().finally(() => rmSync(folder, { recursive: true, force: true }));
  return { ...server, close };
}

/** To be called once, outside of tests. @returns {{ server, browser }} set before the first test */
export function useDemo() {
  const shared = {};
  before(async () => {
    mkdirSync(screenshots, { recursive: true });
    shared.server = await serveDemo();
    shared.browser = await launchChromium();
  });
  after(async () => {
    await shared.browser?.close();
    await shared.server?.close();
  });
  return shared;
}

// What the driver itself writes where it keeps service workers out.
const NOT_OURS = /Service Worker registration blocked by Playwright/;

/** A list of all that goes wrong in the page, or leaves its origin. */
export async function watch(page, origin) {
  const problems = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !NOT_OURS.test(message.text()))
      problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const { protocol, href } = new URL(request.url());
    if (!['blob:', 'data:'].includes(protocol) && !href.startsWith(origin)) problems.push(`request: ${href}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
    });
    addEventListener('unhandledrejection', (event) => console.error(`unhandled: ${event.reason}`));
  });
  return problems;
}

export const modelReady = (page) =>
  page.waitForFunction(() => document.getElementById('model-facts').textContent !== '', undefined, TIMEOUT);

/** An empty page for that URL; service workers are kept out except where a test is about them. */
export async function newPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, serviceWorkers: 'block', ...options });
  const page = await context.newPage();
  return { page, problems: await watch(page, new URL(url).origin) };
}

/** Opens the page, and waits for its model. */
export async function openPage(browser, url, options) {
  const opened = await newPage(browser, url, options);
  await opened.page.goto(url);
  await modelReady(opened.page);
  return opened;
}

/** A page for one test; nothing may have gone wrong in it when the test ends. */
export async function openDemo(t, { browser, server }, options) {
  const { page, problems } = await openPage(browser, options?.url ?? server.url, options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(problems, []);
  });
  return page;
}

/** The page with all samples embedded: one for all the tests of a file that only look at it. */
export function sampleGallery(shared) {
  let gallery;
  return async (t, { viewport = DESKTOP, colorScheme = 'light', tab = 'search' } = {}) => {
    gallery ??= openPage(shared.browser, shared.server.url).then(async (opened) => {
      await opened.page.click('#samples');
      await embedded(opened.page, samples.length);
      return opened;
    });
    const { page, problems } = await gallery;
    t.after(() => assert.deepEqual(problems, []));
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.mouse.move(0, 0);
    await openTab(page, 'search');
    await page.keyboard.press('Escape');
    await openTab(page, tab);
    await page.evaluate(() => scrollTo(0, 0));
    return page;
  };
}

export async function openTab(page, tab) {
  await page.click(`#tab-${tab}`);
  await page.waitForSelector(`#tab-${tab}[aria-selected="true"]`);
}

/** Waits until no tab has work under way. */
export async function idle(page) {
  await page.waitForTimeout(250); // the page does not show shorter work
  await page.waitForFunction(
    () => document.getElementById('tasks').childElementCount === 0,
    undefined,
    TIMEOUT,
  );
}

/** Waits until this many photos are embedded. */
export const embedded = (page, count) =>
  page.waitForFunction(
    (text) => document.getElementById('count').textContent === text,
    `${count} photo${count === 1 ? '' : 's'}`,
    TIMEOUT,
  );

/** What the cards say, in their order. */
export const cards = (page) => page.$$eval('#grid .card-open', (all) => all.map((card) => card.textContent));
export const card = (page, title, edit = '') =>
  page.locator('#grid .card-open', { hasText: new RegExp(`^${title}${edit && `, ${edit}`}`) }).first();

/** Opens a photo as the query, and waits for the ranking. */
export async function rankBy(page, title, edit) {
  await card(page, title, edit).click();
  await page.waitForSelector('#grid .card.is-query', TIMEOUT);
  await page.waitForFunction(
    (name) => document.querySelector('#grid .card.is-query .name')?.textContent === name,
    title,
    TIMEOUT,
  );
}

/** The whole embedding that the pane shows, once it shows the one of this photo. */
export async function displayedVector(page, name) {
  const shown = page.locator(`#embedding[data-photo="${name}"]`);
  await shown.waitFor({ state: 'attached', ...TIMEOUT });
  return JSON.parse(await shown.textContent());
}

export function largestDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** How far the page can be scrolled sideways, in pixels. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

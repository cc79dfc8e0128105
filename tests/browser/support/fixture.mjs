// What a file of tests starts with: Chromium, the test page, and a model in use there that no test may harm.
import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createModel } from 'vitreous';
import { fixture, maxDiff } from '../../js/support/golden.mjs';
import { launchChromium } from './chromium.mjs';
import { openSite, startTestSite } from './site.mjs';

export const BOATS = 'fixtures/boats_rgb_320x200.png';
export const ALLIUM = 'fixtures/allium_rgba_160x213.png'; // with alpha
export const AIRPLANE = 'fixtures/airplane_grey_320x200.png';
export const ALPS = 'fixtures/alps_orientation6_300x200.jpg';

/**
 * To be called once, outside of tests. In the page, `model` is the packaged model. After every test it must give the
 * embedding that it gave at first, and nothing must have gone wrong in the page.
 * @param {Parameters<typeof startTestSite>[0]} [options]
 * @returns {{ node, browser, site, page }} set before the first test; `node` is the same model in this process
 */
export function useModelInPage(options) {
  const shared = {};
  let problems;
  before(async () => {
    shared.node = await createModel('vit_nano_patch16_224');
    shared.browser = await launchChromium();
    shared.site = await startTestSite(options);
    ({ page: shared.page, problems } = await openSite(shared.browser, shared.site.url));
    await shared.page.evaluate(async (src) => {
      globalThis.model = await vitreous.createModel(NANO);
      globalThis.first = String(await model.embed(src));
    }, BOATS);
  });
  after(async () => {
    await shared.browser?.close();
    await shared.site?.close();
  });
  afterEach(async () => {
    // First, as by its answer all is told that went wrong before, also of rejections that nobody waits for.
    const now = await shared.page.evaluate(
      async (src) => (await model.embed(src)).toString() === first,
      BOATS,
    );
    // Chromium notes every 404 in the console; those that a test did not mean it finds as errors.
    const unexpected = problems.splice(0).filter((problem) => !problem.includes('Failed to load resource'));
    assert.deepEqual(unexpected, []);
    assert.ok(now, 'the model in use gives what it gave');
  });
  return shared;
}

/** The embedding of a fixture in Node, which Jest has compared with timm. */
export const inNode = ({ node }, path) => node.embed(fixture(path.replace('fixtures/', '')));

export function assertClose(actual, expected, tolerance, what) {
  const difference = maxDiff(actual, expected);
  assert.ok(difference <= tolerance, `${what} differs by ${difference}, more than ${tolerance}`);
}

/** `error` as the page's errorOf() gives it. */
export function assertError(error, code, message) {
  assert.equal(error.ours, true, JSON.stringify(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

/** A worker that was ended takes a moment to go. */
export async function assertWorkers(page, count) {
  for (let i = 0; i < 200 && page.workers().length !== count; i++) await setTimeout(50);
  assert.equal(page.workers().length, count, 'workers');
}

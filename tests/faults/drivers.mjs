// The same few steps in Node and in Chromium: load from the hub, list and clear the cache, use a model made before.
// An embedding is text here, so that it is compared bit for bit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vitreous from 'vitreous';
import { launchChromium } from '../browser/support/chromium.mjs';
import { openSite, startTestSite } from '../browser/support/site.mjs';
import { paths, REPO } from './server.mjs';

const SETTINGS = { retryDelay: 1, stallTimeout: 500 };

/**
 * Also runs in the page, so it takes everything that it needs.
 * @returns `{ embedding, cached }`, or `{ code, message }` of the error
 */
async function load({ createModel, env, VitreousError }, name, { hub, settings, ...options }) {
  Object.assign(env, settings, { hub });
  try {
    const onProgress = ({ loaded }) => {
      globalThis.loaded = loaded; // how far it is, for who wants to kill it
    };
    const model = await createModel(name, { threads: 1, onProgress, ...options });
    const { cached } = model.info;
    const data = Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 7919) % 251);
    const embedding = String(await model.embed({ data, width: 30, height: 20, channels: 3 }));
    if (!options.keep) model.dispose();
    else globalThis.inUse = model;
    return { embedding, cached };
  } catch (error) {
    const { code, message } = error;
    return { code: error instanceof VitreousError ? code : `not ours: ${error}`, message };
  }
}

/** Also in the page: whether the model in use gives what it gave. */
async function useAgain() {
  const data = Uint8Array.from({ length: 30 * 20 * 3 }, (_, i) => (i * 7919) % 251);
  return String(await globalThis.inUse.embed({ data, width: 30, height: 20, channels: 3 }));
}

export async function nodeDriver(server) {
  const folder = await mkdtemp(join(tmpdir(), 'vitreous-cache-'));
  process.env.VITREOUS_CACHE = folder;
  return {
    name: 'Node',
    platform: 'node',
    load: (options = {}) => load(vitreous, REPO, { hub: server.url, settings: SETTINGS, ...options }),
    useAgain,
    list: vitreous.listCache,
    clear: () => vitreous.deleteFromCache(),
    problems: () => [],
    async close() {
      globalThis.inUse.dispose();
      await rm(folder, { recursive: true });
    },
  };
}

const HELPERS = `globalThis.load = ${load}; globalThis.useAgain = ${useAgain}`;

/** @param {{ worker?: boolean }} options - false: on the page's own thread, with the Cache API */
export async function chromiumDriver(server, { worker = true } = {}) {
  // Two hubs: one of another origin, as the real one is, and one of the page's own.
  const own = Object.fromEntries(
    paths.map((path) => [`own/${path}`, (response) => server.answer(response.req, response, path)]),
  );
  const site = await startTestSite({ csp: 'connect-src *', files: own });
  const browser = await launchChromium();
  const { page, problems } = await openSite(browser, site.url);
  await page.evaluate(HELPERS);
  const loadIn = (tab, { sameOrigin = false, ...options } = {}) =>
    tab.evaluate(
      ([name, options]) => load(vitreous, name, options),
      [REPO, { hub: sameOrigin ? `${site.url}own` : server.url, settings: SETTINGS, worker, ...options }],
    );
  return {
    name: worker ? 'Chromium, worker and OPFS' : 'Chromium, the page’s thread and Cache API',
    platform: 'chromium',
    load: (options) => loadIn(page, options),
    useAgain: () => page.evaluate(() => useAgain()),
    list: () => page.evaluate(() => vitreous.listCache()),
    clear: () => page.evaluate(() => vitreous.deleteFromCache()),
    /** What went wrong in the page since the last time; that requests fail is the point here. */
    problems: () =>
      problems.splice(0).filter((text) => /^uncaught|weights are not kept|Content Security/.test(text)),
    loadIn,
    /** Another tab, of the same storage where the context is the same. */
    async openTab(context = page.context()) {
      const tab = await context.newPage();
      await tab.goto(site.url);
      await tab.evaluate(() => globalThis.ready);
      await tab.waitForFunction(() => globalThis.vitreous);
      await tab.evaluate(HELPERS);
      return tab;
    },
    newContext: () => browser.newContext(),
    async close() {
      await browser.close();
      await site.close();
    },
  };
}

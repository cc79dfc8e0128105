// The cache in real Chromium: the origin private file system in the worker, the Cache API on the page's own thread.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { serveFile } from '../js/support/file_server.mjs';
import { nanoFile } from '../js/support/safetensors.mjs';
import { launchChromium } from './support/chromium.mjs';
import { openSite, startTestSite } from './support/site.mjs';

const FILE = 'm/model.safetensors';
const checkpoint = readFileSync(nanoFile);
const size = checkpoint.length;
const CHUNK = 1 << 23; // of the Cache API's entries

let browser;
let site;
let asked; // `Range` of each request for the file, or 'all'
let fault; // answers the next request instead
const files = {
  [FILE]: (response) => {
    asked.push(response.req.headers.range ?? 'all');
    const answer = fault ?? serveFile;
    fault = undefined;
    answer(response.req, response, checkpoint);
  },
};

before(async () => {
  browser = await launchChromium();
  site = await startTestSite({ files });
});
after(async () => {
  await browser?.close();
  await site?.close();
});
beforeEach(() => {
  asked = [];
  fault = undefined;
});

/** A page with an empty cache. */
async function openPage(t) {
  const opened = await openSite(browser, site.url);
  t.after(opened.close);
  return opened;
}

/** Loads the file; what the test asks of the model. */
const load = (page, options = {}) =>
  page.evaluate(
    async ([weights, options]) => {
      const progress = [];
      const onProgress = (p) => progress.push(p);
      const model = await vitreous.createModel(NANO, { weights, onProgress, ...options });
      const embedding = Array.from(await model.embed('fixtures/boats_rgb_320x200.png'));
      const { cached, worker } = model.info;
      model.dispose();
      return { cached, worker, embedding, progress };
    },
    [FILE, options],
  );
const entries = (page) => page.evaluate(() => vitreous.listCache());

/** Bytes, and then silence. */
const hanging = (bytes) => (_request, response, body) => {
  response.writeHead(200, { 'content-length': body.length, etag: '"1"' });
  response.write(body.subarray(0, bytes));
};
const tagged = (request, response, body) => {
  const from = Number(/\d+/.exec(request.headers.range)?.[0]);
  const range = `bytes ${from}-${body.length - 1}/${body.length}`;
  response.writeHead(206, { etag: '"1"', 'content-range': range }).end(body.subarray(from));
};

for (const [kind, options, kept] of [
  ['in the worker, OPFS', {}, (bytes) => bytes],
  ['on the page’s thread, Cache API', { worker: false }, (bytes) => bytes - (bytes % CHUNK)],
]) {
  describe(kind, () => {
    test('the second time no request is made, also after a reload', async (t) => {
      const { page, problems } = await openPage(t);
      const first = await load(page, options);
      assert.deepEqual([first.cached, first.worker], [false, options.worker !== false]);
      const second = await load(page, options);
      assert.equal(second.cached, true);
      assert.deepEqual(second.embedding, first.embedding);
      assert.ok(second.progress.every(({ cached, total }) => cached && total === size));
      await page.reload();
      assert.equal((await load(page, options)).cached, true);
      assert.deepEqual(asked, ['all']);
      const [entry, ...others] = await entries(page);
      assert.deepEqual(others, []);
      assert.deepEqual([entry.url, entry.bytes, entry.complete], [site.url + FILE, size, true]);
      assert.deepEqual(problems, []);
    });

    test('deleteFromCache frees it', async (t) => {
      const { page } = await openPage(t);
      await load(page, options);
      assert.equal(await page.evaluate((url) => vitreous.deleteFromCache(url), site.url + FILE), size);
      assert.deepEqual(await entries(page), []);
      assert.equal((await load(page, options)).cached, false);
    });

    test('a reload in the middle: the part is continued', async (t) => {
      const { page } = await openPage(t);
      fault = hanging(9e6);
      await page.evaluate(
        ([weights, options]) => {
          globalThis.loaded = 0;
          const onProgress = ({ loaded }) => {
            globalThis.loaded = loaded;
          };
          vitreous.createModel(NANO, { weights, onProgress, ...options }).catch(() => {});
        },
        [FILE, options],
      );
      await page.waitForFunction(() => globalThis.loaded > 0);
      await setTimeout(1000);
      await page.reload();
      fault = tagged;
      assert.equal((await load(page, options)).progress.at(-1).loaded, size);
      assert.deepEqual(asked, ['all', `bytes=${kept(9e6)}-`]);
    });

    test('two tabs at once: one download', async (t) => {
      const { page } = await openPage(t);
      const other = await page.context().newPage();
      await other.goto(site.url);
      await other.waitForFunction(() => globalThis.vitreous);
      fault = (_, response, body) => {
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, 5e6));
        setTimeout(1000).then(() => response.end(body.subarray(5e6)));
      };
      const both = await Promise.all([load(page, options), load(other, options)]);
      assert.deepEqual(both.map(({ cached }) => cached).sort(), [false, true]);
      assert.deepEqual(both[0].embedding, both[1].embedding);
      assert.deepEqual(asked, ['all']);
    });

    test('two tabs at once from the cache', async (t) => {
      const { page } = await openPage(t);
      await load(page, options);
      const both = await Promise.all([load(page, options), load(page, options)]);
      assert.deepEqual(
        both.map(({ cached }) => cached),
        [true, true],
      );
    });

    test('storage that is full: the model loads, with one warning', async (t) => {
      const { page, problems } = await openPage(t);
      const session = await page.context().newCDPSession(page);
      const { origin } = new URL(site.url);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3e6 });
      await load(page, options);
      assert.deepEqual(await entries(page), []);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0], /vitreous: weights are not kept.*without a cache/);
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await load(page, options);
      assert.equal((await entries(page))[0].bytes, size);
    });
  });
}

test('a browser without any storage: the model loads, with one warning', async (t) => {
  const { page, problems } = await openPage(t);
  await page.evaluate(() => {
    Object.defineProperty(globalThis, 'caches', { value: undefined });
  });
  await load(page, { worker: false });
  assert.match(problems.join('\n'), /^console: vitreous: weights are not kept.*$/);
});

test('an abort leaves the part', async (t) => {
  const { page } = await openPage(t);
  fault = hanging(6e6);
  const error = await page.evaluate(async (weights) => {
    const controller = new AbortController();
    const onProgress = () => setTimeout(() => controller.abort(), 500);
    return errorOf(vitreous.createModel(NANO, { weights, onProgress, signal: controller.signal }));
  }, FILE);
  assert.equal(error.code, 'ABORTED');
  fault = tagged;
  await load(page);
  assert.deepEqual(asked, ['all', 'bytes=6000000-']);
});

test('a failure that the browser hides says what it may be', async (t) => {
  const { page } = await openPage(t);
  const error = await page.evaluate(() => {
    vitreous.env.retryDelay = 1;
    return errorOf(vitreous.createModel(NANO, { weights: 'http://127.0.0.1:1/model.safetensors' }));
  });
  assert.equal(error.code, 'NETWORK');
  assert.match(error.message, /CORS/);
});

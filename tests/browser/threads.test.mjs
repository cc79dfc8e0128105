// Which engine a page gets, isolated or not, under a strict content security policy, and that threads change no bit.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../js/support/server.mjs';
import { launchChromium } from './support/chromium.mjs';
import { assertWorkers } from './support/fixture.mjs';
import { ISOLATION } from './support/site.mjs';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; base-uri 'none'";
const REASON = /not cross-origin isolated.*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/;

let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser?.close());

/**
 * An empty page beside the package's files.
 * @param options.refuse `(path, n)`: whether the n-th request for a path fails
 * @param options.prelude a script that each worker runs first
 */
async function openPage(t, { headers = ISOLATION, refuse = () => false, prelude = '' } = {}) {
  const seen = {};
  const server = await startServer((request, response) => {
    const path = request.url.split('?')[0];
    seen[path] = (seen[path] ?? 0) + 1;
    const common = { ...headers, 'Content-Security-Policy': CSP, 'Cache-Control': 'no-store' };
    if (path === '/')
      response.writeHead(200, { ...common, 'Content-Type': 'text/html' }).end('<!doctype html>');
    else if (path === '/favicon.ico') response.writeHead(204, common).end();
    else if (refuse(path, seen[path])) response.writeHead(404, common).end();
    else if (path === '/blocks') response.writeHead(200, common).end();
    else {
      response.writeHead(200, {
        ...common,
        'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
      });
      if (path === '/worker.js') response.end(prelude + readFileSync(join(dist, path), 'utf8'));
      else createReadStream(join(dist, path)).pipe(response);
    }
  });
  const page = await browser.newPage();
  const said = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`uncaught: ${error.stack}`));
  t.after(async () => {
    await page.close();
    await server.close();
  });
  await page.goto(server.url);
  return { page, said, seen };
}

/** Creates the packaged model in the page, embeds an image made up there, disposes of the model. */
const embed = (page, options) =>
  page.evaluate(async (all) => {
    const { createModel } = await import('/index.js');
    const model = await createModel('vit_nano_patch16_224', { numClasses: 0, ...all });
    const data = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * 7919) % 251);
    const embedding = await model.embed({ data, width: 300, height: 200, channels: 3 });
    model.dispose();
    return { info: model.info, embedding: Array.from(embedding) };
  }, options);

test('an isolated page has threads, and they change no bit', { timeout: 60_000 }, async (t) => {
  const { page, said } = await openPage(t);
  const one = await embed(page, { threads: 1 });
  assert.equal(one.info.variant, 'relaxed');
  assert.equal(one.info.threads, 1);
  for (const threads of [2, 3, 'auto']) {
    const { info, embedding } = await embed(page, { threads });
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    if (threads !== 'auto') assert.equal(info.threads, threads);
    else if (cores <= 4) assert.equal(info.threads, cores);
    assert.equal(info.variant, info.threads === 1 ? 'relaxed' : 'relaxed-mt');
    assert.equal(info.threadsReason, undefined);
    assert.deepEqual(embedding, one.embedding);
  }
  assert.deepEqual(said, []);
});

test('the engine’s worker has its threads inside, and they end with it', { timeout: 60_000 }, async (t) => {
  const { page } = await openPage(t);
  await page.evaluate(async () => {
    const { createModel } = await import('/index.js');
    window.model = await createModel('vit_nano_patch16_224', { threads: 3 });
  });
  await assertWorkers(page, 3); // the engine is the first thread
  await page.evaluate(() => window.model.dispose());
  await assertWorkers(page, 0);
});

const wasms = (seen) => Object.keys(seen).filter((path) => path.endsWith('.wasm'));

test('the model and the tools are modules of their own, each with its threads, and come when they are needed', {
  timeout: 60_000,
}, async (t) => {
  const { page, seen } = await openPage(t);
  const best = await page.evaluate(async () => {
    const { ImageIndex } = await import('/search.js');
    window.index = await ImageIndex.create({ dim: 2, threads: 3 });
    await window.index.add([
      { id: 'a', vector: Float32Array.of(1, 0) },
      { id: 'b', vector: Float32Array.of(0, 1) },
    ]);
    return (await window.index.search(Float32Array.of(1, 2), { k: 1 }))[0].id;
  });
  assert.equal(best, 'b');
  assert.deepEqual(wasms(seen), ['/vitreous-tools-relaxed-mt.wasm']); // an index of vectors needs no model
  await assertWorkers(page, 3);

  await page.evaluate(async () => {
    const { createModel } = await import('/index.js');
    await window.index.close();
    window.model = await createModel('vit_nano_patch16_224', { threads: 2 });
  });
  assert.equal(seen['/vitreous-tools-relaxed-mt.wasm'], 1);
  assert.equal(seen['/vitreous-relaxed-mt.wasm'], 1);
  await assertWorkers(page, 2);
  await page.evaluate(async () => {
    const { ImageIndex } = await import('/search.js');
    await ImageIndex.create({ model: window.model });
  });
  assert.equal(seen['/vitreous-tools-relaxed-mt.wasm'], 2);
  await assertWorkers(page, 3);
});

test('tools that do not come are an error of that call, and the next one tries again', {
  timeout: 60_000,
}, async (t) => {
  const { page } = await openPage(t, { refuse: (path, n) => path.includes('tools') && n === 1 });
  const { code, message, size, length } = await page.evaluate(async () => {
    const { createModel } = await import('/index.js');
    const { ImageIndex } = await import('/search.js');
    const model = await createModel('vit_nano_patch16_224', { threads: 1 });
    const { code, message } = await ImageIndex.create({ model }).catch((error) => error);
    const { size } = await ImageIndex.create({ model });
    const data = new Uint8Array(30 * 20 * 3);
    const { length } = await model.embed({ data, width: 30, height: 20, channels: 3 });
    return { code, message, size, length };
  });
  assert.equal(code, 'HTTP_STATUS');
  assert.match(message, /vitreous-tools-relaxed\.wasm.*404/);
  assert.deepEqual([size, length], [0, 256]);
});

test('a page without isolation works on one thread and says so once', { timeout: 60_000 }, async (t) => {
  const { page, said } = await openPage(t, { headers: {} });
  for (const threads of ['auto', 2, 2]) {
    const { info, embedding } = await embed(page, { threads });
    assert.equal(info.variant, 'relaxed');
    assert.equal(info.threads, 1);
    assert.match(info.threadsReason, REASON);
    assert.equal(embedding.length, 256);
  }
  assert.equal(said.length, 1);
  assert.match(said[0], /^info: vitreous runs on one thread/);
  assert.match(said[0], REASON);
});

test('who asks for one thread is told nothing', { timeout: 60_000 }, async (t) => {
  const { page, said } = await openPage(t, { headers: {} });
  const { info } = await embed(page, { threads: 1 });
  assert.equal(info.threads, 1);
  assert.equal(info.threadsReason, undefined);
  assert.deepEqual(said, []);
});

test('isolated, but without SharedArrayBuffer, as WebKitGTK is: one thread', {
  timeout: 60_000,
}, async (t) => {
  const { page } = await openPage(t, { prelude: 'delete self.SharedArrayBuffer;' });
  const { info } = await embed(page, { threads: 2 });
  assert.equal(info.threads, 1);
  assert.equal(info.threadsReason, 'this browser has no SharedArrayBuffer');
});

test('in the page itself there is one thread: it must not block', { timeout: 60_000 }, async (t) => {
  const { page, said } = await openPage(t);
  const { info } = await embed(page, { worker: false });
  assert.equal(info.threads, 1);
  assert.match(info.threadsReason, /worker: false/);
  assert.equal(said.length, 1);
});

test('threads whose script cannot be loaded are done without', { timeout: 60_000 }, async (t) => {
  const { page, said } = await openPage(t, { refuse: (path, n) => path === '/worker.js' && n > 1 });
  const { info, embedding } = await embed(page, { threads: 2 });
  assert.equal(info.variant, 'relaxed');
  assert.equal(info.threads, 1);
  assert.match(info.threadsReason, /a thread did not start/);
  assert.equal(embedding.length, 256);
  assert.equal(said.filter((line) => line.startsWith('info: vitreous runs on one thread')).length, 1);
});

// As Firefox does now and then: the engine's worker never comes back from `new Worker`, from the n-th on; while `/blocks`
// is there.
const blockingFrom = (n) => `
  if (self.name === '') {
    const Given = self.Worker;
    let count = 0;
    const blocks = () => {
      const asked = new XMLHttpRequest();
      asked.open('HEAD', '/blocks', false);
      asked.send();
      return asked.status === 200;
    };
    self.Worker = class extends Given {
      constructor(...args) {
        if (++count >= ${n} && blocks()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        super(...args);
      }
    };
  }`;
const BLOCKED = /let no worker start another/;

// They wait, most of the time: together.
describe('threads that do not come', { concurrency: true }, () => {
  test('threads that never answer are done without', { timeout: 60_000 }, async (t) => {
    const block = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
    const { page } = await openPage(t, { prelude: `if (self.name === 'em-pthread') ${block};` });
    const { info } = await embed(page, { threads: 2 });
    assert.equal(info.threads, 1);
    assert.match(info.threadsReason, /a thread did not start: no answer/);
  });

  test('a worker that blocks when it starts its threads is in the end replaced by one without', {
    timeout: 90_000,
  }, async (t) => {
    const { page, said, seen } = await openPage(t, { prelude: blockingFrom(1) });
    const { info, embedding } = await embed(page, { threads: 2 });
    assert.equal(info.variant, 'relaxed');
    assert.equal(info.threads, 1);
    assert.match(info.threadsReason, BLOCKED);
    assert.equal(embedding.length, 256);
    // After three of them it is not tried again, and said once.
    assert.match((await embed(page, { threads: 2 })).info.threadsReason, BLOCKED);
    assert.equal(seen['/vitreous-relaxed-mt.wasm'], 3);
    assert.equal(said.length, 1);
  });

  test('a worker that blocks now and then is replaced by one with threads', {
    timeout: 90_000,
  }, async (t) => {
    const refuse = (path, n) => path === '/blocks' && n > 2;
    const { page, said, seen } = await openPage(t, { prelude: blockingFrom(1), refuse });
    const { info, embedding } = await embed(page, { threads: 2 });
    assert.equal(info.variant, 'relaxed-mt');
    assert.equal(info.threads, 2);
    assert.equal(embedding.length, 256);
    assert.equal(seen['/vitreous-relaxed-mt.wasm'], 3);
    assert.deepEqual(
      said.filter((line) => !line.includes('404')),
      [],
    );
  });

  test('also where it is the second module that blocks: the call that needs it is answered', {
    timeout: 90_000,
  }, async (t) => {
    const { page } = await openPage(t, { prelude: blockingFrom(2) });
    const [before, size, after] = await page.evaluate(async () => {
      const [{ createModel }, { ImageIndex }] = await Promise.all([
        import('/index.js'),
        import('/search.js'),
      ]);
      const model = await createModel('vit_nano_patch16_224', { numClasses: 0, threads: 2 });
      const { threads: before } = model.info;
      const index = await ImageIndex.create({ model });
      await index.add({ id: 'one', vector: new Float32Array(256).fill(1) });
      const answer = [before, index.size, model.info.threadsReason];
      model.dispose();
      return answer;
    });
    assert.equal(before, 2);
    assert.equal(size, 1);
    assert.match(after, BLOCKED);
  });
});

test('a build with threads that is not served is done without', { timeout: 60_000 }, async (t) => {
  const { page } = await openPage(t, { refuse: (path) => path.endsWith('-mt.wasm') });
  const { info } = await embed(page, { threads: 2 });
  assert.equal(info.variant, 'relaxed');
  assert.equal(info.threads, 1);
  assert.match(info.threadsReason, /404/);
});

// The demo without a network, and on a host that cannot send the headers of cross-origin isolation.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import {
  demo,
  embedded,
  fixtures,
  idle,
  modelReady,
  openDemo,
  openTab,
  rankBy,
  samples,
  serveDemo,
  TABS,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const BOATS = join(fixtures, 'boats_rgb_320x200.png');
const withWorker = { serviceWorkers: 'allow' };

const isControlled = (page) =>
  page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, TIMEOUT);

test('after the first visit everything works with the server stopped', async (t) => {
  const server = await serveDemo();
  const page = await openDemo(t, shared, { ...withWorker, url: server.url });
  await isControlled(page);
  await page.setInputFiles('#files', BOATS);
  await embedded(page, 1);
  await server.close();
  await page.reload();
  await modelReady(page);
  await embedded(page, 1);
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  // The samples come from the cache too.
  await page.click('[data-action="samples"]');
  await embedded(page, 1 + samples.length);
  await rankBy(page, 'House cat');
  for (const tab of TABS) {
    await openTab(page, tab);
    await idle(page);
  }
  await openTab(page, 'map');
  await page.getByLabel('UMAP').check();
  await idle(page);
  assert.ok(await page.isHidden('#notice'));
});

test('where the host sends no headers, the page is isolated after one reload by itself, and has threads', async (t) => {
  const plain = await serve({ root: demo, port: 0, isolated: false });
  t.after(() => plain.close());
  const page = await openDemo(t, shared, { ...withWorker, url: plain.url });
  await page.waitForFunction(() => crossOriginIsolated, undefined, TIMEOUT);
  await modelReady(page);
  assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].type), 'reload');
  await page.setInputFiles('#files', BOATS);
  await embedded(page, 1);
  const threads = page.workers().length;
  t.diagnostic(`${threads} workers`);
  await page.reload();
  await embedded(page, 1);
});

test('a page that is used already is not reloaded under its visitor’s hands', async (t) => {
  const plain = await serve({ root: demo, port: 0, isolated: false });
  t.after(() => plain.close());
  const page = await openDemo(t, shared, { url: plain.url });
  await page.setInputFiles('#files', BOATS);
  await embedded(page, 1);
  assert.equal(await page.evaluate(() => crossOriginIsolated), false);
  assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].type), 'navigate');
});

test('a host that sends the headers needs no reload', async (t) => {
  const page = await openDemo(t, shared, withWorker);
  await isControlled(page);
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].type), 'navigate');
  assert.ok(await page.evaluate(() => crossOriginIsolated));
});

test('a new version is offered, and comes with the visitor’s click', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(demo, folder, { recursive: true });
  const server = await serve({ root: folder, port: 0 });
  t.after(() => server.close());
  const page = await openDemo(t, shared, { ...withWorker, url: server.url });
  await isControlled(page);
  const edit = (file, change) => {
    const path = join(folder, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };
  edit('index.html', (text) => text.replace('<title>vitreous', '<title>new vitreous'));
  edit('service-worker.js', (text) => text.replace(/"[0-9a-f]{12}"/, '"0123456789ab"'));
  await page.reload();
  await modelReady(page);
  assert.match(await page.title(), /^vitreous/, 'still the version that was there');
  await page.waitForSelector('#update:not([hidden])', TIMEOUT);
  await Promise.all([page.waitForNavigation(), page.click('[data-action="update"]')]);
  await modelReady(page);
  assert.match(await page.title(), /^new vitreous/);
  assert.equal(await page.evaluate(async () => (await caches.keys()).length), 1);
});

test('it can be installed: the manifest and its icons are whole', async (t) => {
  const page = await openDemo(t, shared, withWorker);
  const session = await page.context().newCDPSession(page);
  await isControlled(page);
  const { errors, data } = await session.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const manifest = JSON.parse(data);
  for (const { src, sizes } of manifest.icons) {
    const size = await page.evaluate(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      return `${image.naturalWidth}x${image.naturalHeight}`;
    }, src);
    if (sizes !== 'any') assert.equal(size, sizes);
  }
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  assert.deepEqual(
    installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'),
    [],
  );
});

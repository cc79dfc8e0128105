// How the demo feels, from a trace of Chromium's: how soon the first embedding is there, how long the main thread is held
// while photos are embedded (100 of them where VITREOUS_TEST_FULL is set), what happens to the memory. Figures are printed;
// what depends on this machine's time is not asserted.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { demo, embedded, isFull, newPage, openDemo, samples, TIMEOUT, useDemo } from './support/demo.mjs';

const PHOTOS = isFull ? 100 : 30;
const LONG_MS = 50;
const MEGABYTE = 1e6;
/** Of a new window Chromium itself loads parts for so long. */
const BROWSER_START_MS = 4000;
/** Before it is asked whether the page is done: what Playwright puts into a page to ask takes its time too. */
const UNDISTURBED_MS = 3000;

const shared = useDemo();
let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitreous-demo-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Photos larger than the kept copies, so that all of the work is done; each another one. */
async function makePhotos() {
  const { default: sharp } = await import('sharp');
  const paths = [];
  for (let i = 0; i < PHOTOS; i++) {
    const path = join(folder, `photo ${String(i + 1).padStart(3, '0')}.jpg`);
    await sharp(join(demo, 'samples', samples[i % samples.length].file))
      .resize(2000, 1500, { fit: 'cover', kernel: 'nearest' })
      .modulate({ brightness: 1 - i / 300 })
      .jpeg({ quality: 80 })
      .toFile(path);
    paths.push(path);
  }
  return paths;
}

/** The page's main thread: its tasks, in the order of their times, and all events in them. Microseconds. */
function mainThread(events) {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const [busiest] = threads
    .map(({ pid, tid }) => events.filter((one) => one.pid === pid && one.tid === tid && one.ph === 'X'))
    .sort((a, b) => b.length - a.length);
  const inner = busiest.filter(({ name }) => name !== 'RunTask').sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  return { tasks: busiest.filter(({ name }) => name === 'RunTask'), inner };
}

/** What a task did, the most first: the events in it, each without those within. */
function contents(task, inner) {
  const own = new Map();
  const open = [];
  for (const event of inner) {
    if (event.ts < task.ts || event.ts + event.dur > task.ts + task.dur) continue;
    while (open.length && open.at(-1).ts + open.at(-1).dur <= event.ts) open.pop();
    const outer = open.at(-1);
    if (outer) own.set(outer, own.get(outer) - event.dur);
    own.set(event, event.dur);
    open.push(event);
  }
  const label = ({ name, args: { data = {} } }) =>
    [name, data.functionName ?? data.type, data.url?.split('/').at(-1)].filter(Boolean).join(' ');
  return [...own]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([event, time]) => `${label(event)} ${(time / 1000).toFixed(1)}`)
    .join(', ');
}

/** Resident memory of the page's process, engines and all, in megabytes; undefined where there is no /proc. */
async function resident(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sizes = processInfo
    .filter(({ type, id }) => type === 'renderer' && existsSync(`/proc/${id}/status`))
    .map(({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1]) / 1000);
  return sizes.length ? Math.max(...sizes) : undefined;
}

test(`while ${PHOTOS} photos are embedded: how long tasks hold the main thread, and the memory`, async (t) => {
  const paths = await makePhotos();
  const page = await openDemo(t, shared);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'JSHeapUsedSize').value / MEGABYTE;
  };
  const done = (count) =>
    page.waitForFunction(
      (least) => Number(/^(\d+) of \d+$/.exec(document.getElementById('count').textContent)?.[1]) >= least,
      count,
      TIMEOUT,
    );

  const events = [];
  const tracer = await shared.browser.newBrowserCDPSession();
  tracer.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await tracer.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', 'devtools.timeline'],
    },
  });
  await page.setInputFiles('#files', paths);
  await done(10);
  const heaps = [await heap()];
  const sizes = [await resident(shared.browser)];
  // Taken in the middle only: collecting garbage holds the main thread too.
  await embedded(page, PHOTOS);
  const ended = new Promise((resolve) => tracer.once('Tracing.tracingComplete', resolve));
  await tracer.send('Tracing.end');
  await ended;
  heaps.push(await heap());
  sizes.push(await resident(shared.browser));

  const { tasks, inner } = mainThread(events);
  const report = (field, what) => {
    const times = tasks.map((task) => (task[field] ?? 0) / 1000).sort((a, b) => b - a);
    const long = times.filter((time) => time > LONG_MS);
    t.diagnostic(
      `${what}: longest ${times
        .slice(0, 5)
        .map((time) => time.toFixed(1))
        .join(', ')} ms; ${long.length} of ${tasks.length} tasks over ${LONG_MS} ms`,
    );
  };
  report('dur', 'main thread, by the clock');
  report('tdur', 'main thread, of the processor');
  for (const task of [...tasks].sort((a, b) => b.dur - a.dur).slice(0, 5))
    t.diagnostic(`${(task.dur / 1000).toFixed(1)} ms: ${contents(task, inner)}`);
  t.diagnostic(
    `JavaScript heap: ${heaps[0].toFixed(1)} MB after 10 photos, ${heaps[1].toFixed(1)} MB after ${PHOTOS}`,
  );
  if (sizes[0])
    t.diagnostic(
      `the page’s process: ${sizes[0].toFixed(0)} MB after 10 photos, ${sizes[1].toFixed(0)} MB after ${PHOTOS}`,
    );
  assert.ok(tasks.length > PHOTOS, `${tasks.length} tasks`);
  // A thumbnail's handle and a card each; pixels would be megabytes.
  assert.ok(heaps[1] - heaps[0] < 5, `the heap grew by ${heaps[1] - heaps[0]} MB`);
});

test('from the navigation to the first embedding', async (t) => {
  for (const visit of ['first', 'second', 'third']) {
    const { page, problems } = await newPage(shared.browser, shared.server.url);
    // As a visitor could at best: as soon as there is a button, it is pressed.
    await page.addInitScript(() => {
      addEventListener('DOMContentLoaded', () => {
        const press = () => {
          if (!document.getElementById('intro').checkVisibility()) return requestAnimationFrame(press);
          performance.mark('pressed');
          document.getElementById('samples').click();
        };
        press();
      });
    });
    await delay(BROWSER_START_MS);
    await page.goto(shared.server.url, { waitUntil: 'commit' });
    await delay(UNDISTURBED_MS);
    await page.waitForFunction(
      () => performance.getEntriesByName('first embedding').length > 0,
      undefined,
      TIMEOUT,
    );
    const at = await page.evaluate(() =>
      Object.fromEntries(
        performance.getEntriesByType('mark').map(({ name, startTime }) => [name, Math.round(startTime)]),
      ),
    );
    await page.context().close();
    assert.deepEqual(problems, []);
    t.diagnostic(
      `${visit} page: ${Object.entries(at)
        .map(([name, ms]) => `${name} ${ms} ms`)
        .join(', ')}`,
    );
  }
});

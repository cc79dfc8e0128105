// How the demo feels, from a trace of Chromium's: how soon the first embedding is there, how long the main thread is held
// while 100 photos are embedded, what happens to the memory. Figures are printed; what depends on this machine's time is not
// asserted.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { demo, embedded, openDemo, samples, TIMEOUT, useDemo } from './support/demo.mjs';

const PHOTOS = 100;
const LONG_MS = 50;
const MEGABYTE = 1e6;

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

/** The tasks of the page's main thread, in milliseconds: how long each held it, and how much of the processor it took. */
function mainThreadTasks(events) {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const tasksOf = ({ pid, tid }) =>
    events.filter(
      (event) => event.name === 'RunTask' && event.pid === pid && event.tid === tid && event.ph === 'X',
    );
  return threads.map(tasksOf).sort((a, b) => b.length - a.length)[0];
}

test('while 100 photos are embedded: how long tasks hold the main thread, and the memory', async (t) => {
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
      (least) => Number.parseInt(document.getElementById('count').textContent, 10) >= least,
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
  // Taken in the middle only: collecting garbage holds the main thread too.
  await embedded(page, PHOTOS);
  const ended = new Promise((resolve) => tracer.once('Tracing.tracingComplete', resolve));
  await tracer.send('Tracing.end');
  await ended;
  heaps.push(await heap());

  const tasks = mainThreadTasks(events);
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
  t.diagnostic(
    `JavaScript heap: ${heaps[0].toFixed(1)} MB after 10 photos, ${heaps[1].toFixed(1)} MB after ${PHOTOS}`,
  );
  assert.ok(tasks.length > PHOTOS, `${tasks.length} tasks`);
  // A thumbnail's handle and a card each; pixels would be megabytes.
  assert.ok(heaps[1] - heaps[0] < 5, `the heap grew by ${heaps[1] - heaps[0]} MB`);
});

test('from the navigation to the first embedding', async (t) => {
  for (const visit of ['first', 'second', 'third']) {
    const page = await openDemo(t, shared);
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
    await page.reload();
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
    t.diagnostic(
      `${visit} page: ${Object.entries(at)
        .map(([name, ms]) => `${name} ${ms} ms`)
        .join(', ')}`,
    );
  }
});

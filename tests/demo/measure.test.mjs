// "Measure this device" in the demo, in Chromium. How fast anything is, is asserted nowhere.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';
import { assertWorkers } from '../browser/support/fixture.mjs';
import {
  DESKTOP,
  demo,
  displayedVector,
  embedded,
  fixtures,
  isFull,
  NARROW,
  openPage,
  openTab,
  PHONE,
  screenshots,
  TIMEOUT,
  useDemo,
} from './support/demo.mjs';

const shared = useDemo();
const NAME = 'boats_rgb_320x200.png';
const fixture = join(fixtures, NAME);
const RUNS = isFull ? [1, 2] : [1];

/** A page with the tab open; when the test ends nothing may have gone wrong, and no worker may be left over. */
async function openPanel(t, { url = shared.server.url, initScript } = {}) {
  const withScript = {
    async newContext(options) {
      const context = await shared.browser.newContext(options);
      if (initScript) await context.addInitScript(initScript);
      return context;
    },
  };
  const { page, problems } = await openPage(withScript, url);
  // The one that makes thumbnails is among them.
  await page.setInputFiles('#files', fixture);
  await embedded(page, 1);
  const workers = page.workers().length;
  t.after(async () => {
    try {
      await assertWorkers(page, workers);
      assert.deepEqual(problems, []);
    } finally {
      await page.context().close();
    }
  });
  await openTab(page, 'measure');
  return page;
}

const finished = (page) => page.waitForSelector('#measure-result:not([hidden])', TIMEOUT);
const inRounds = (page, round = 1) =>
  page.waitForFunction(
    (least) =>
      Number(/^Round (\d+)/.exec(document.getElementById('measure-progress-text').textContent)?.[1]) >= least,
    round,
    TIMEOUT,
  );

/** What the panel shows: texts, and the rows' milliseconds as numbers too. */
async function shown(page) {
  const rows = await page.$$eval('#measure-rows tr', (all) =>
    all.map((row) => ({
      label: row.querySelector('th').textContent,
      medianText: row.querySelector('strong')?.textContent,
      rangeText: row.querySelector('small')?.textContent,
      median: Number(row.querySelector('strong')?.textContent),
      cells: Array.from(row.querySelectorAll('td'), (cell) => cell.textContent),
    })),
  );
  const pairs = (list) =>
    page.$$eval(`${list} > div`, (all) =>
      all.map((pair) => Array.from(pair.children, (child) => child.textContent)),
    );
  const ratios = Object.fromEntries(await pairs('#measure-ratios'));
  const facts = Object.fromEntries(await pairs('#measure-facts'));
  return { rows, ratios, facts, chart: await page.getAttribute('#measure-chart', 'aria-label') };
}

const threadsText = (n) => `${n} thread${n === 1 ? '' : 's'}`;
const labelsFor = (threads) =>
  ['fp32', 'int8'].flatMap((dtype) => [...new Set([1, threads])].map((n) => `${dtype}, ${threadsText(n)}`));
const LARGE = '12-megapixel photo to model input';

/** Both sides were rounded to three or more digits, or to hundredths. */
function assertNear(value, expected, what) {
  assert.ok(Math.abs(value - expected) <= 0.006 + 0.012 * expected, `${what}: ${value}, not ${expected}`);
}

function assertTimed({ label, median, rangeText, cells }) {
  const [min, max] = rangeText.split(' – ').map(Number);
  assert.ok(min > 0 && min <= median && median <= max, `${label}: ${min} ≤ ${median} ≤ ${max}`);
  assertNear(Number(cells[1]), 1000 / median, `${label}, images a second`);
  assert.match(cells[2], label === LARGE ? /^–$/ : /^\d+ MB$/, label);
}

/** Every ratio is the one of the milliseconds beside it. */
function assertRatios({ rows, ratios }) {
  const median = (label) => rows.find((row) => row.label === label)?.median;
  for (const [label, text] of Object.entries(ratios)) {
    const [, threads, dtype] = /^(\d+) threads against 1, (\w+)$/.exec(label) ?? [];
    const [, count] = /^int8 against fp32, (.+)$/.exec(label) ?? [];
    const expected = dtype
      ? median(`${dtype}, 1 thread`) / median(`${dtype}, ${threadsText(threads)}`)
      : median(`fp32, ${count}`) / median(`int8, ${count}`);
    assertNear(Number.parseFloat(text), expected, label);
  }
}

test('the table is complete and agrees with itself; the model in use is not touched', async (t) => {
  const page = await openPanel(t);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  for (const run of RUNS) {
    await page.click('#measure-start');
    // The page is usable meanwhile, and its model in use.
    await inRounds(page);
    await page.setInputFiles('#files', fixture);
    await embedded(page, 1 + run);
    assert.ok(await page.isVisible('#measure-cancel'), 'it still measures');
    await finished(page);

    const result = await shown(page);
    const { rows, ratios, facts, chart } = result;
    const threads = Number(facts.Threads);
    assert.ok(threads >= 1, facts.Threads);
    const labels = labelsFor(threads);
    assert.deepEqual(
      rows.map(({ label }) => label),
      [...labels, LARGE],
    );
    for (const row of rows) assertTimed(row);
    assert.equal(Object.keys(ratios).length, threads > 1 ? 4 : 1);
    assertRatios(result);
    for (const { label, medianText } of rows.slice(0, -1))
      assert.ok(chart.includes(`${label}: ${medianText}`), chart);
    assert.ok(Number(facts.Rounds) >= 5, facts.Rounds);
    assert.ok(Number(facts['Cosine of int8 to fp32']) > 0.999, facts['Cosine of int8 to fp32']);
    assert.match(facts.Model, /^vit_nano_patch16_224, 5\.0 M parameters$/);
    assert.equal(facts['Cross-origin isolated'], 'yes');
    assert.equal(facts.Engine, threads > 1 ? 'relaxed, relaxed-mt' : 'relaxed');
    assert.equal(facts.Browser, await page.evaluate(() => navigator.userAgent));
    assert.match(facts.vitreous, /^\d+\.\d+\.\d+/);
    assert.ok(await page.isVisible('#measure-start'));

    await page.click('#measure-copy');
    const markdown = await page.evaluate(() => navigator.clipboard.readText());
    const lines = markdown.split('\n');
    const tableLines = rows.map(
      ({ label, medianText, rangeText, cells }) =>
        `| ${[label, medianText, rangeText, ...cells.slice(1)].join(' | ')} |`,
    );
    const listLines = [...Object.entries(ratios), ...Object.entries(facts)].map(
      ([name, value]) => `- ${name}: ${value}`,
    );
    assert.deepEqual(lines.slice(2), [...tableLines, '', ...listLines, '']);
  }
  // The same photo before, and during each run.
  await openTab(page, 'search');
  const vectors = [];
  for (const i of [0, ...RUNS]) {
    await page.evaluate(() => {
      document.getElementById('embedding').dataset.photo = '';
    });
    await page.locator('#grid .card-open').nth(i).click();
    vectors.push(await displayedVector(page, NAME));
    await page.keyboard.press('Escape');
    await page.waitForSelector('#ranking', { state: 'hidden' });
  }
  assert.equal(vectors[0].length, 256);
  assert.deepEqual(
    vectors.slice(1),
    RUNS.map(() => vectors[0]),
  );
  await openTab(page, 'measure');

  for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE, narrow: NARROW })) {
    for (const colorScheme of ['light', 'dark']) {
      // So high that the bar, which stays on top, lies over nothing.
      await page.setViewportSize({ ...viewport, height: 2500 });
      await page.emulateMedia({ colorScheme });
      await page
        .locator('#measure')
        .screenshot({ path: join(screenshots, `${device}-${colorScheme}-measure.png`) });
      const fits = await page.evaluate(() => {
        const section = document.getElementById('measure');
        const { right } = document.querySelector('.figures').getBoundingClientRect();
        return (
          document.documentElement.scrollWidth <= innerWidth &&
          right + Number.parseFloat(getComputedStyle(section).paddingRight) <=
            section.getBoundingClientRect().right
        );
      });
      assert.ok(fits, `${device}: something sticks out`);
    }
  }

  // Without the clipboard's interface the old command copies; without that, the visitor.
  const markdown = await page.evaluate(async () => {
    window.clipboard = navigator.clipboard;
    const text = await clipboard.readText();
    await clipboard.writeText('something else');
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    return text;
  });
  await page.click('#measure-copy');
  assert.equal(await page.evaluate(() => clipboard.readText()), markdown);
  assert.ok(await page.isHidden('#measure-markdown'));
  await page.evaluate(() => {
    document.execCommand = () => false;
  });
  await page.click('#measure-copy');
  assert.equal(await page.inputValue('#measure-markdown'), markdown);
  const selected = await page.$eval('#measure-markdown', (text) => text.selectionEnd - text.selectionStart);
  assert.equal(selected, markdown.length);
});

test('by keyboard: start, cancel in a round, start again, leave the tab while it loads', async (t) => {
  const page = await openPanel(t);
  const focused = () => page.evaluate(() => document.activeElement.id);
  const workers = page.workers().length;
  await page.focus('#tab-measure');
  for (let i = 0; i < 12 && (await focused()) !== 'measure-start'; i++) await page.keyboard.press('Tab');
  assert.equal(await focused(), 'measure-start');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'measure-cancel');
  await inRounds(page);
  assert.ok(page.workers().length > workers, 'it measures in workers of its own');
  await page.keyboard.press('Enter');
  assert.match(await page.textContent('#measure-note'), /^Cancelled/);
  assert.equal(await focused(), 'measure-start');
  assert.ok(await page.isHidden('#measure-running'));
  await assertWorkers(page, workers);
  assert.ok(await page.isHidden('#measure-result'));

  await page.keyboard.press('Enter');
  assert.ok(await page.isHidden('#measure-note'));
  await page.waitForFunction(() =>
    document.getElementById('measure-progress-text').textContent.startsWith('Loading'),
  );
  await openTab(page, 'search');
  await assertWorkers(page, workers);
  await openTab(page, 'measure');
  assert.match(await page.textContent('#measure-note'), /^Cancelled/);
});

test('a contestant that fails leaves the others, whether at its start or in a round', async (t) => {
  const page = await openPanel(t, {
    initScript: () => {
      const Native = Worker;
      window.made = [];
      window.crash = (worker) =>
        worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory', cancelable: true }));
      window.Worker = class extends Native {
        constructor(...args) {
          super(...args);
          made.push(this);
          if (made.length === window.failing) setTimeout(() => crash(this));
        }

        postMessage(...args) {
          super.postMessage(...args);
          if (this.doomed) setTimeout(() => crash(this));
        }
      };
    },
  });
  // First comes the one of the preprocessing, then those of the models, the last row's first.
  const first = await page.evaluate(() => {
    window.failing = made.length + 2;
    return made.length;
  });
  await page.click('#measure-start');
  await inRounds(page, 3);
  // In a call: between two calls another engine would take its place, and nothing be lost.
  await page.evaluate((index) => {
    made[index].doomed = true;
  }, first);
  await finished(page);
  const result = await shown(page);
  const { rows, ratios, facts } = result;
  const threads = Number(facts.Threads);
  const failed = rows.filter(({ median }) => Number.isNaN(median));
  assert.deepEqual(
    failed.map(({ label }) => label),
    [`int8, ${threadsText(threads)}`, LARGE],
  );
  for (const { cells } of failed) assert.match(cells[0], /^WORKER_FAILED: .*out of memory/);
  const timed = rows.filter((row) => !failed.includes(row));
  assert.equal(timed.length, labelsFor(threads).length - 1);
  for (const row of timed) assertTimed(row);
  assert.equal(Object.keys(ratios).length, threads > 1 ? 2 : 0);
  assertRatios(result);
});

test('a page that is not isolated measures one thread, and says why', async (t) => {
  const plain = await serve({ root: demo, port: 0, isolated: false });
  t.after(() => plain.close());
  const page = await openPanel(t, { url: plain.url });
  await page.click('#measure-start');
  await finished(page);
  const result = await shown(page);
  assert.deepEqual(
    result.rows.map(({ label }) => label),
    ['fp32, 1 thread', 'int8, 1 thread', LARGE],
  );
  for (const row of result.rows) assertTimed(row);
  assert.deepEqual(Object.keys(result.ratios), ['int8 against fp32, 1 thread']);
  assertRatios(result);
  assert.equal(result.facts['Cross-origin isolated'], 'no');
  assert.match(result.facts.Threads, /^1: the page is not cross-origin isolated/);
});

test('a checkpoint of the visitor’s is measured, from the cache', async (t) => {
  const page = await openPanel(t);
  await page.click('#model-button');
  await page.check('input[value="url"]');
  await page.fill(
    '#checkpoint-url',
    new URL('vit_nano_patch16_224.safetensors?mine', shared.server.url).href,
  );
  await page.click('#model-load');
  await page.waitForSelector('#model-dialog:not([open])', { state: 'attached', ...TIMEOUT });
  const requests = [];
  page.on('request', (request) => {
    if (request.url().includes('.safetensors')) requests.push(new URL(request.url()).search);
  });
  await page.click('#measure-start');
  await inRounds(page);
  assert.deepEqual(requests, [], 'it is here already, and the packaged model is not asked for');
  await page.click('#measure-cancel');
});

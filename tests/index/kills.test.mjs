// The writer killed at random moments, a Node process and a Chromium tab: after each restart every acknowledged change is
// there, and no half one. SEED=… repeats a run, but for the moments.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ImageIndex } from 'vitreous/search';
import { launchChromium } from '../browser/support/chromium.mjs';
import { startTestSite } from '../browser/support/site.mjs';
import { contents, DIM, difference, History, randomNumbers } from './operations.mjs';

const KILLS = 100;
// After some changes and then a time in which there are a few more: also where other work leaves little of the machine.
const MOST_CHANGES = 6;
const LONGEST_MS = 40;
const QUERIES = [1, 22, 333];
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** How many changes an index has after a kill: those acknowledged, and perhaps the one that was under way. */
function changesOf(found, acknowledged, where) {
  const problems = [];
  for (const count of [acknowledged, acknowledged + 1]) {
    const problem = difference(new History(seed, count, { trains: true }).state, found, QUERIES);
    if (problem === undefined) return count;
    problems.push(`of ${count} changes: ${problem}`);
  }
  assert.fail(`${where}, SEED=${seed}: it is not the index ${problems.join('; not ')}`);
}

test(`Node: ${KILLS} times SIGKILL, SEED=${seed}`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vitreous-kills-'));
  const path = join(folder, 'photos.vix');
  const random = randomNumbers(seed);
  let count = 0;
  let torn = 0;
  let ahead = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const acknowledged = await killedWriter(path, count, random);
    const index = await ImageIndex.open({ path, dim: DIM, metric: 'dot', threads: 1 });
    count = changesOf(await contents(index, QUERIES), acknowledged, `kill ${kill}`);
    torn += index.recovered ? 1 : 0;
    ahead += count - acknowledged;
    await index.close();
  }
  t.diagnostic(
    `${count} changes; ${torn} times a torn one was dropped, ${ahead} times one was whole but not acknowledged`,
  );
  await rm(folder, { recursive: true });
});

/** Runs the writer from `count` changes on, kills it, and returns how many it has acknowledged. */
async function killedWriter(path, count, random) {
  const changes = Math.floor(random() * MOST_CHANGES);
  const args = [
    ...process.execArgv.filter((flag) => /wasm|liftoff/.test(flag)),
    here('writer.mjs'),
    path,
    seed,
    count,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const closed = new Promise((done) => child.on('close', (_, signal) => done(signal)));
  const started = new Promise((done) => {
    child.stdout.on('data', (data) => {
      output += data;
      if (output.split('\n').length > 1 + changes) done();
    });
  });
  await Promise.race([started, closed]);
  await setTimeout(random() * LONGEST_MS);
  child.kill('SIGKILL');
  assert.equal(await closed, 'SIGKILL', errors);
  return Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1));
}

describe('Chromium', () => {
  let browser;
  let site;
  before(async () => {
    browser = await launchChromium();
    site = await startTestSite({ files: { 'operations.mjs': await readFile(here('operations.mjs')) } });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  test(`${KILLS} tabs that crash, SEED=${seed}`, async (t) => {
    const context = await browser.newContext();
    const random = randomNumbers(seed + 1);
    let acknowledged = 0;
    let ahead = 0;
    let count = 0;
    let report = () => {};
    await context.exposeFunction('report', (number) => {
      acknowledged = number;
      report();
    });
    for (let kill = 0; kill <= KILLS; kill++) {
      const tab = await context.newPage();
      await tab.goto(site.url);
      const found = await tab.evaluate(open, QUERIES);
      count = changesOf(found, acknowledged, `crash ${kill}`);
      ahead += count - acknowledged;
      acknowledged = count;
      if (kill === KILLS) break;
      let changes = Math.floor(random() * MOST_CHANGES);
      const started = new Promise((done) => {
        report = () => {
          if (changes-- === 0) done();
        };
      });
      tab.evaluate(write, [seed, count]).catch(() => {}); // it dies with the tab
      await started;
      await setTimeout(random() * LONGEST_MS);
      await crash(tab);
    }
    t.diagnostic(`${count} changes; ${ahead} times one was whole but not acknowledged`);
    await context.close();
  });
});

/** In the page: opens the index, as after a crash, and tells what it holds. */
async function open(queries) {
  const { ImageIndex } = await import('/vitreous/search.js');
  const { contents, DIM } = await import('/operations.mjs');
  globalThis.index = await ImageIndex.open({ name: 'kills', dim: DIM, metric: 'dot', wait: true });
  return contents(globalThis.index, queries);
}

/** In the page: changes it until the tab dies. */
async function write([seed, count]) {
  const { History, perform } = await import('/operations.mjs');
  const history = new History(seed, count, { trains: true });
  for (;;) {
    await perform(globalThis.index, history.next());
    await globalThis.report(history.count);
  }
}

/** The process of the tab ends on the spot, as when the system takes its memory. */
async function crash(tab) {
  const session = await tab.context().newCDPSession(tab);
  const crashed = tab.waitForEvent('crash');
  session.send('Page.crash').catch(() => {});
  await crashed;
  await tab.close();
}

// The whole public API in Chromium, Firefox and WebKit: isolated or not, in a page, in the user's own worker, in a frame,
// with relaxed SIMD or without, under a strict content security policy. docs/browsers.md has what the last run found;
// CELLS=firefox runs just the cells with that in their names, such as firefox-simd-isolated-frame.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fixtures, maxDiff } from '../js/support/golden.mjs';
import { differences } from './support/compare.mjs';
import { engines } from './support/engines.mjs';
import { NoAnswer } from './support/page.mjs';
import { runInNode } from './support/reference.mjs';
import { cosine } from './support/site/steps/values.js';
import { startSites } from './support/site.mjs';
import { rowsOf, writeRows } from './support/table.mjs';
import { recordVideo } from './support/video.mjs';

const PNG = 2e-4; // to timm, as the README says
const KINDS = 1e-5; // of one image, between kinds of it
const STEP_MS = 60_000; // beyond this a step hangs

const PLACES = {
  page: 'index.html?where=page',
  worker: 'index.html?where=worker',
  frame: 'frame.html?where=page',
};

const { CELLS, VITREOUS_TEST_FULL } = process.env;

/** What `npm test` runs: no frames, and of an engine with a feature changed its isolated page. */
const isUsual = ({ engine, site, place }) =>
  engine.title === 'as it is' ? place !== 'frame' : site === 'isolated' && place === 'page';

const cells = engines
  .flatMap((engine) =>
    engine.sites.flatMap((site) =>
      Object.keys(PLACES).map((place) => ({ engine, site, place, name: `${engine.name}-${site}-${place}` })),
    ),
  )
  .filter((cell) => (CELLS ? cell.name.includes(CELLS) : VITREOUS_TEST_FULL || isUsual(cell)));
const results = [];

let expected;
let sites;
before(async () => {
  sites = await startSites(['node', ...cells.map(({ name }) => name)], await recordVideo());
  expected = await runInNode(sites.plain.url);
});
after(() => sites?.close());

const goldens = Object.fromEntries(fixtures().map(({ file, embedding }) => [file.split('_')[0], embedding]));

/** What some of the steps' results are checked against besides Node's: timm's. */
const checks = {
  embed({ embeddings }) {
    const found = Object.entries(embeddings).map(([name, values]) => maxDiff(values, goldens[name]));
    ok(Math.max(...found) <= PNG, `embeddings are ${found} from timm's`);
    return { difference: Math.max(...found) };
  },
  embedInt8({ embeddings }) {
    for (const [name, values] of Object.entries(embeddings))
      ok(cosine(values, goldens[name]) > 0.9995, `int8 of ${name}`);
  },
};

/** Node has paths instead of files; what rounds to int8 rounds as the variant does. */
const notNodes = ['folder', 'embedInt8'];

/** The engine's variant and threads, and why they are fewer. */
function checkInfo(info, { engine, site, place }) {
  equal(info.isolated, site === 'isolated');
  const threaded = place !== 'worker' && site === 'isolated' && engine.shared;
  equal(info.variant, threaded ? `${engine.simd}-mt` : engine.simd);
  equal(info.worker, place !== 'worker');
  if (threaded) {
    ok(info.threads > 1, `${info.threads} threads`);
    equal(info.threadsReason ?? undefined, undefined); // a driver may make it null
    return;
  }
  equal(info.threads, 1);
  const reason =
    place === 'worker'
      ? /worker of the engine/
      : site === 'plain'
        ? /not cross-origin isolated/
        : /SharedArrayBuffer/;
  match(info.threadsReason, reason);
}

function checkKinds({ embeddings, missing }, { place }) {
  if (place !== 'worker') equal(missing.HTMLVideoElement, undefined);
  const wanted = expected.embed.embeddings.boats;
  for (const [kind, values] of Object.entries(embeddings)) {
    const tolerance = kind === 'HTMLVideoElement' ? 1 : KINDS; // a video is compressed; embeddings reach 5
    const difference = maxDiff(values, wanted);
    ok(difference <= tolerance, `${kind} differs by ${difference}`);
  }
}

async function runCell(browser, cell) {
  const page = await browser.open();
  try {
    const site = sites[cell.site];
    await page.goto(
      `${site.url}${PLACES[cell.place]}&package=${encodeURIComponent(cell.engine.folder)}&name=${cell.name}`,
    );
    await page.until(() => globalThis.run !== undefined);
    const failures = [];
    const found = {};
    const step = async (name, check) => {
      try {
        const result = await page.evaluate((name) => globalThis.run(name), name, STEP_MS);
        const more = check?.(result);
        if (more) Object.assign(found, more);
      } catch (error) {
        failures.push(`${name}: ${error.message.slice(0, 1000)}`);
        if (error instanceof NoAnswer) throw new Error(failures.join('\n'));
      }
    };
    for (const [name, wanted] of Object.entries(expected)) {
      if (name === 'dispose') {
        await step('info', (info) => {
          checkInfo(info, cell);
          return { variant: info.variant, threads: info.threads };
        });
        await step('kinds', (kinds) => checkKinds(kinds, cell));
      }
      await step(name, (result) => {
        if (!notNodes.includes(name)) deepEqual(differences(result, wanted).slice(0, 5), []);
        return checks[name]?.(result);
      });
    }
    deepEqual(failures, []);
    const own = `/files/${cell.name}/model.safetensors`;
    equal(site.requests.filter((path) => path === own).length, 1, 'requests for a file that is kept');
    deepEqual(await page.problems(), []);
    results.push({ ...cell, ...found, version: browser.version });
  } finally {
    await page.close();
  }
}

for (const engine of engines) {
  const own = cells.filter((cell) => cell.engine === engine);
  if (own.length === 0) continue;
  describe(engine.name, () => {
    let browser;
    before(async () => {
      browser = await engine.launch();
    });
    after(async () => {
      await browser?.close();
      writeRows(rowsOf(results, Object.keys(PLACES)));
    });
    for (const cell of own)
      test(`${cell.site}, ${cell.place}`, { timeout: 300_000 }, () => runCell(browser, cell));
  });
}

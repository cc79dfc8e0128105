// The package from another origin, as from a CDN: what works as it is, and what needs a folder of the page's own origin,
// since browsers start no worker from elsewhere.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../browser/support/chromium.mjs';
import { ISOLATION, STRICT_CSP, startSite } from '../browser/support/site.mjs';
import { fixture } from '../js/support/golden.mjs';
import { install, pack } from '../package/support.mjs';
import { assertEmbeds, assertSearches, makeApp, openApp } from './support/project.mjs';

const MODEL = "createModel('vit_nano_patch16_224'";

let browser;
let packed;
let installed;
let cdn;
let folder;
before(async () => {
  packed = await pack();
  folder = join(packed.folder, 'page');
  installed = await install(join(packed.folder, 'installed'), packed.tarball);
  const headers = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
  cdn = await startSite({ '/npm/vitreous@0.1.0/': installed }, { headers });
  await makeApp(folder);
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await cdn?.close();
  await packed?.remove();
});

/** The app with the package from the CDN, its model created with these options, in a page or in the page's own worker. */
async function open(options, { isolated = false, script = 'main.js', mounts = {} } = {}) {
  const app = await readFile(new URL('projects/app/app.js', import.meta.url), 'utf8');
  const fromCdn = app
    .replace(/'vitreous(\/\w+)?'/g, (_, entry = '/index') => `'${cdn.url}npm/vitreous@0.1.0/dist${entry}.js'`)
    .replace(MODEL, `${MODEL}${options}`);
  assert.notEqual(fromCdn, app);
  await writeFile(join(folder, 'app.js'), fromCdn);
  const html = await readFile(new URL('projects/app/index.html', import.meta.url), 'utf8');
  await writeFile(join(folder, 'index.html'), html.replace('main.js', script));
  const origin = cdn.url.slice(0, -1);
  // What a worker imports goes by worker-src.
  const csp = STRICT_CSP.replaceAll(/(script|worker|connect)-src 'self'/g, `$& ${origin}`);
  const headers = isolated ? ISOLATION : {};
  const server = await startSite({ '/photos/': fixture(''), '/': folder, ...mounts }, { csp, headers });
  try {
    return await openApp(browser, server.url, { allowed: cdn.url });
  } finally {
    await server.close();
  }
}

function assertWorks(found) {
  assertEmbeds(found);
  assertSearches(found);
  assert.deepEqual(found.problems, []);
}

test('as it is, the error says what to do', async () => {
  const { error } = await open('');
  assert.match(error, /^WORKER_FAILED: /);
  for (const way of [/origin/, /assetBase/, /worker: false/]) assert.match(error, way);
});

test('without a worker, in the page', async () => {
  const found = await open(', { worker: false }');
  assertWorks(found);
  assert.equal(found.worker, false);
});

test('in a worker of the page’s own', async () => {
  await writeFile(
    join(folder, 'own-worker.js'),
    "import { run } from './app.js';\nrun().then((result) => postMessage(result));\n",
  );
  await writeFile(
    join(folder, 'start.js'),
    `const worker = new Worker('own-worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => { document.getElementById('result').textContent = data; };`,
  );
  assertWorks(await open('', { script: 'start.js' }));
});

for (const isolated of [false, true]) {
  test(`with its files on the page’s origin, ${isolated ? 'threads' : 'one thread'}`, async () => {
    const mounts = { '/vitreous/': join(installed, 'dist') };
    const found = await open(", { assetBase: '/vitreous/' }", { isolated, mounts });
    assertWorks(found);
    assert.equal(found.worker, true);
    assert.equal(found.threads > 1, isolated);
  });
}

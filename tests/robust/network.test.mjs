// A page asks its servers for what docs/network.md says, thing by thing, and nobody else for anything.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launchChromium } from '../browser/support/chromium.mjs';
import { BOATS } from '../browser/support/fixture.mjs';
import { ISOLATION, openSite, startTestSite } from '../browser/support/site.mjs';
import { nanoFile } from '../js/support/safetensors.mjs';

const text = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** What the page says of each thing, by the thing. */
const documented = new Map(
  [...text('docs/network.md').matchAll(/^```text (.+)\n([\s\S]*?)^```$/gm)].map(([, what, list]) => [
    what,
    list.split('\n').filter(Boolean),
  ]),
);
const seen = new Map();

const REPO = 'timm/vit_base_patch16_224.dino';
// Under the DINO name the hub has the small model with its config.json.
const files = {
  'empty.html': '<!doctype html>',
  [`hub/${REPO}/resolve/main/config.json`]: text('models/vit_nano_patch16_224/config.json'),
  [`hub/${REPO}/resolve/main/model.safetensors`]: (response) => createReadStream(nanoFile).pipe(response),
};

let browser;
let site;
let page;
let problems; // requests to others among them
const noted = []; // by the browser: of the page and of its workers
before(async () => {
  browser = await launchChromium();
  site = await startTestSite({ files, headers: { ...ISOLATION, 'Cache-Control': 'no-store' } });
  ({ page, problems } = await openSite(browser, site.url));
  page.on('request', (request) => noted.push(request.url()));
  await page.goto(`${site.url}empty.html`); // without anything of the package
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/** Does a thing in the page, and notes its requests. */
async function asks(what, work) {
  const from = site.requests.length;
  await page.evaluate(work, BOATS);
  const own = site.requests.slice(from).filter((url) => url !== '/favicon.ico'); // the browser's own wish
  const asked = own.map((url) =>
    url
      .slice(1)
      .replace(/\?.*/, '')
      .replace(/^vitreous\//, 'dist/')
      .replace(/shared-\w+\.js/, 'shared-*.js')
      .replace(BOATS, 'photo.png'),
  );
  // Of the files that entries share there may be any number.
  const counted = asked.filter((path, i) => !path.includes('*') || asked.indexOf(path) === i);
  seen.set(what, counted.sort());
}

test('every request is a documented one', async () => {
  await asks("import 'vitreous'", async () => {
    globalThis.vitreous = await import('/vitreous/index.js');
    vitreous.env.hub = '/hub';
  });
  await asks("import 'vitreous/search'", async () => {
    globalThis.search = await import('/vitreous/search.js');
  });
  await asks("import 'vitreous/recipes'", async () => {
    globalThis.recipes = await import('/vitreous/recipes.js');
  });
  await asks("createModel('vit_nano_patch16_224', { threads: 1 })", async () => {
    globalThis.model = await vitreous.createModel('vit_nano_patch16_224', { threads: 1 });
  });
  await asks("createModel('vit_nano_patch16_224', { threads: 3 })", async () => {
    (await vitreous.createModel('vit_nano_patch16_224', { threads: 3 })).dispose();
  });
  const fromHub = async () => {
    (await vitreous.createModel('vit_base_patch16_224.dino', { threads: 1 })).dispose();
  };
  await asks("createModel('vit_base_patch16_224.dino', { threads: 1 })", fromHub);
  await asks('the same again, from the cache', fromHub);
  await asks("model.embed('photo.png')", async (src) => {
    await model.embed(`/${src}`);
  });
  await asks('model.embed(canvas), attention', async () => {
    globalThis.canvas = new OffscreenCanvas(64, 64);
    canvas.getContext('2d').fillRect(0, 0, 32, 64);
    await model.embed(canvas);
    await model.attention(canvas);
  });
  await asks('k-NN, a probe, PCA', async () => {
    const knn = new recipes.KnnClassifier(model);
    await knn.add([canvas, canvas], ['a', 'b']);
    await knn.predict(canvas);
    await recipes.pcaImages(model, [canvas]);
    await recipes.LinearProbe.fit(model, [canvas, canvas], ['a', 'b']);
  });
  await asks('then ImageIndex.create({ model }), add, search', async () => {
    const index = await search.ImageIndex.create({ model });
    const image = { data: new Uint8Array(12).fill(9), width: 2, height: 2, channels: 3 };
    await index.add({ id: 'a', image });
    await index.search(image);
    await index.close();
  });
  await asks('ImageIndex.create({ dim: 8, threads: 1 }), add, search', async () => {
    const index = await search.ImageIndex.create({ dim: 8, threads: 1 });
    await index.add({ id: 'a', vector: new Float32Array(8).fill(1) });
    await index.search(new Float32Array(8).fill(1));
    await index.close();
  });
  await page.evaluate(() => model.dispose());
  for (const list of documented.values()) list.sort();
  assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(documented));
  assert.ok(
    noted.some((url) => url.endsWith('.wasm')),
    'the browser tells of what workers ask for',
  );
  assert.deepEqual(problems, []);
});

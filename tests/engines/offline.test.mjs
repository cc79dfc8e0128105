// Offline after the first visit, in Chromium, Firefox and WebKit: a page that its own service worker keeps, with the
// packaged model and one that came over http, when the server is gone.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fixtures, maxDiff } from '../js/support/golden.mjs';
import { engines } from './support/engines.mjs';
import { startSites } from './support/site.mjs';

const { embedding: golden } = fixtures().find(({ file }) => file.startsWith('boats'));

const visit = (page) =>
  page.evaluate(async () => {
    const { createModel } = await import('./vitreous/index.js');
    const packaged = await createModel('vit_nano_patch16_224');
    const loaded = await createModel('vit_nano_patch16_224', { weights: 'files/offline/model.safetensors' });
    const embeddings = [];
    for (const model of [packaged, loaded]) {
      embeddings.push(Array.from(await model.embed('fixtures/boats_rgb_320x200.png')));
      model.dispose();
    }
    return { embeddings, packaged: packaged.info.packaged, cached: loaded.info.cached };
  });

for (const engine of engines.filter(({ title }) => title === 'as it is')) {
  describe(engine.name, () => {
    for (const kind of engine.sites) {
      test(kind, { timeout: 300_000 }, async (t) => {
        const sites = await startSites(['offline'], Buffer.alloc(0));
        const { url, requests } = sites[kind];
        const browser = await engine.launch();
        t.after(() => browser.close());
        const page = await browser.open();
        await page.goto(`${url}offline.html`);
        await page.evaluate(() => globalThis.keep());
        const online = await visit(page);
        equal(online.cached, false);
        await sites.close();
        const before = requests.length;

        await page.goto(`${url}offline.html`);
        const offline = await visit(page);
        deepEqual([offline.packaged, offline.cached], [true, true]);
        for (const embedding of offline.embeddings) ok(maxDiff(embedding, golden) <= 2e-4);
        equal(requests.length, before);
        deepEqual(await page.problems(), []);
      });
    }
  });
}

// The site of the cells: the package and the steps, on an isolated and on a plain address, under a strict policy.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageWithout } from '../../browser/support/older.mjs';
import { ISOLATION, startSite } from '../../browser/support/site.mjs';
import { nanoFile } from '../../js/support/safetensors.mjs';

/** No `blob:`, no `data:`, no `unsafe-eval`: everything is the site's own. */
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * @param {string[]} names of cells: each has files of its own, `files/NAME/…`
 * @param {Uint8Array} video of the boats
 * @returns {Promise<{ isolated: object, plain: object, close: () => Promise<void> }>} each `{ url, requests }`
 */
export async function startSites(names, video) {
  const checkpoint = readFileSync(nanoFile);
  const own = (name) => ({
    [`files/${name}/model.safetensors`]: checkpoint,
    [`files/${name}/cut.safetensors`]: checkpoint.subarray(0, -100),
    [`files/${name}/page.safetensors`]: '<!doctype html><title>Not found</title>',
  });
  const files = Object.assign({ 'files/boats.webm': video }, packageWithout('relaxed'), ...names.map(own));
  const folders = {
    '/vitreous/': here('../../../dist/'),
    '/fixtures/': here('../../fixtures/'),
    '/browser/': here('../../browser/support/page/'),
    '/': here('site/'),
  };
  const [isolated, plain] = await Promise.all([
    startSite(folders, { csp: CSP, files, headers: ISOLATION }),
    startSite(folders, { csp: CSP, files }),
  ]);
  return {
    isolated,
    plain,
    close: () => Promise.all([isolated.close(), plain.close()]),
  };
}

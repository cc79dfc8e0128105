// What the steps give in Node, where tests/js compares the same calls with timm.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vitreous from 'vitreous';
import * as exporting from 'vitreous/export';
import * as recipes from 'vitreous/recipes';
import * as search from 'vitreous/search';
import { fixture } from '../../js/support/golden.mjs';
import { steps } from './site/steps/index.js';

/** @param {string} url of the site, with a name that no page has */
export async function runInNode(url) {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-engines-'));
  const place = (name) => ({ path: join(folder, name) });
  const t = {
    vitreous,
    recipes,
    search,
    exporting,
    name: 'vit_nano_patch16_224',
    image: {
      acanthus: fixture('acanthus_rgb_300x401.png'),
      airplane: fixture('airplane_grey_320x200.png'),
      boats: fixture('boats_rgb_320x200.png'),
    },
    address: (name) => `${url}files/node/${name}`,
    place,
    discard: (name) => rmSync(place(name).path),
  };
  try {
    const results = {};
    for (const [name, step] of Object.entries(steps)) results[name] = await step(t);
    return JSON.parse(JSON.stringify(results));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Every recipe's program runs, and says something that is right.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { output, root } from '../package/support.mjs';
import { project } from './support.mjs';

// What each must print.
const says = {
  'attention-mask.mjs': /head 3[\s\S]*4 × 224 × 224/,
  'copy-descriptor.mjs': /(part of cat: copy of cat[\s\S]*){3}/,
  'correspond.mjs': /pairs; the part lies \d+, \d+ pixels/,
  'knn.mjs': /boats: boats[\s\S]*5 of 5 right[\s\S]*10 embeddings/,
  'label-propagation.mjs': /frame 4: \d+ of 196/,
  'linear-probe.mjs': /boats \(made\): made/,
  'pca-images.mjs': /% of the variance/,
};

let example;
before(async () => {
  example = await project('recipes');
});
after(() => example?.remove());

test('each is listed here', () => {
  const programs = readdirSync(join(root, 'examples/recipes')).filter((name) => name.endsWith('.mjs'));
  assert.deepEqual(programs.filter((name) => name !== 'photos.mjs').sort(), Object.keys(says));
});

for (const [name, expected] of Object.entries(says)) {
  test(name, async () => assert.match(await output(example.folder, process.execPath, name), expected));
}

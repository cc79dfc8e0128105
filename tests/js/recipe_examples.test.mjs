// Every example of the recipes runs, and says something that is right.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import { run } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const folder = fileURLToPath(new URL('../../examples/recipes', import.meta.url));

// What each must print.
const says = {
  'attention-mask.mjs': /head 3[\s\S]*4 × 224 × 224/,
  'copy-descriptor.mjs': /part of cat: copy of cat[\s\S]*part of cat: copy of cat/,
  'correspond.mjs': /pairs; the part lies \d+, \d+ pixels/,
  'knn.mjs': /boats: boats[\s\S]*5 of 5 right[\s\S]*10 embeddings/,
  'label-propagation.mjs': /frame 4: \d+ of 196/,
  'linear-probe.mjs': /boats \(made\): made/,
  'pca-images.mjs': /% of the variance/,
};

test('each is listed here', () => {
  const examples = readdirSync(folder).filter((name) => name !== 'photos.mjs');
  expect(examples.sort()).toEqual(Object.keys(says));
});

test.each(Object.entries(says))('%s', async (name, expected) => {
  const { status, stdout, stderr } = await run(process.execPath, [`${folder}/${name}`]);
  expect([status, stderr.toString()]).toEqual([0, '']);
  expect(stdout.toString()).toMatch(expected);
});

// Links between the pages lead somewhere; every page of docs/ is reached from the README.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { anchorsOf, linksOf, pages, root, textOf } from './pages.mjs';

const isOutside = (link) => /^[a-z]+:/.test(link);

/** The file a link leads to, from the root of the repository, and the anchor in it. */
function targetOf(page, link) {
  const [file, anchor] = link.split('#');
  return { file: file ? posix.join(posix.dirname(page), file) : page, anchor };
}

/** Pages that are read in the repository, and not among the guides. */
const others = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'examples/README.md',
  ...readdirSync(join(root, 'examples'))
    .map((name) => `examples/${name}/README.md`)
    .filter((page) => existsSync(join(root, page))),
];

for (const page of [...pages, ...others]) {
  test(`${page} has no dead link`, () => {
    const dead = linksOf(textOf(page)).filter((link) => {
      if (isOutside(link)) return !link.startsWith('https://');
      const { file, anchor } = targetOf(page, link);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(textOf(file)).includes(anchor);
    });
    assert.deepEqual(dead, []);
  });
}

test('the README leads to every page', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const link of linksOf(textOf(page)).filter((link) => !isOutside(link))) {
      const { file } = targetOf(page, link);
      if (pages.includes(file)) reached.add(file);
    }
  }
  assert.deepEqual([...reached].sort(), [...pages].sort());
});

test('the map in CONTRIBUTING.md has every folder of the repository', () => {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^\.|^(build|dist|node_modules)$/.test(entry.name))
    .map(({ name }) => name);
  const map = textOf('CONTRIBUTING.md');
  assert.deepEqual(
    folders.filter((name) => !map.includes(`](${name}`) && !map.includes(`\`${name}/`)),
    [],
  );
});

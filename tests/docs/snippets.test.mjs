// Every JavaScript block of the README and of docs/ fits the package's types; those marked `run` run in Node, with the
// packaged model. The pages' own words for it: pages.mjs.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { run } from '../js/support/process.mjs';
import { give } from './given.mjs';
import { blocksOf, pages, root, textOf } from './pages.mjs';

// In the repository, so that `vitreous` is this package: by its package.json, as for a user.
const out = join(root, 'build/snippets');
rmSync(out, { recursive: true, force: true });

const isGiven = ({ words }) => words.includes('given');
const isRunnable = ({ words }) => words.includes('run');
const isForNode = ({ words }) => words.includes('node');
const fileName = ({ line }) => `line-${line}.ts`;

/** Names of the page's `ts given` blocks as globals; a block may have a variable of the same name all the same. */
function globalsOf(blocks) {
  const code = blocks.filter(isGiven).map((block) => block.code);
  const imports = code.flatMap((text) => text.match(/^import .*$/gm) ?? []);
  const declarations = code.map((text) => text.replace(/^import .*$/gm, '').replace(/^declare /gm, ''));
  return [...imports, 'declare global {', ...declarations, '}', 'export {};'].join('\n');
}

/** What tsc says of these blocks, by the pages' own line numbers. */
async function typeErrors(page, blocks, globals, { node }) {
  if (blocks.length === 0) return [];
  const folder = join(out, page.replaceAll('/', '-'), node ? 'node' : 'browser');
  mkdirSync(folder, { recursive: true });
  const compilerOptions = {
    target: 'ES2022',
    module: 'ESNext',
    moduleResolution: 'bundler',
    lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    types: node ? ['node'] : [],
    customConditions: node ? ['node'] : [],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
  writeFileSync(join(folder, 'given.d.ts'), globals);
  for (const block of blocks) writeFileSync(join(folder, fileName(block)), `${block.code}export {};\n`);
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { status, stdout } = await run(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder });
  if (status === 0) return [];
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((text) => text.replace(/^line-(\d+)\.ts\((\d+),\d+\)/, (_, line, row) => `${page}:${+line + +row}`));
}

/** Runs a block as a module. */
async function runBlock(page, block) {
  const folder = join(out, page.replaceAll('/', '-'), 'run');
  mkdirSync(folder, { recursive: true });
  const { code } = await transform(block.code, { loader: 'ts', format: 'esm', target: 'es2022' });
  const file = join(folder, fileName(block).replace('.ts', '.mjs'));
  writeFileSync(file, code);
  await import(pathToFileURL(file).href);
}

const all = pages.map((page) => ({ page, blocks: blocksOf(textOf(page)) }));

describe('types', () => {
  for (const { page, blocks } of all) {
    const code = blocks.filter((block) => ['js', 'ts'].includes(block.language) && !isGiven(block));
    if (code.length === 0) continue;
    test(page, async () => {
      const globals = globalsOf(blocks);
      const [browser, node] = [code.filter((block) => !isForNode(block)), code.filter(isForNode)];
      const errors = [
        ...(await typeErrors(page, browser, globals, { node: false })),
        ...(await typeErrors(page, node, globals, { node: true })),
      ];
      assert.equal(errors.join('\n'), '');
    });
  }

  test('what is wrong is found, at its line', async () => {
    const [block] = blocksOf('# A page\n```js\nconst scores = await model.forwards(photo);\n```\n');
    const globals = globalsOf(blocksOf(textOf('docs/from-timm.md')));
    const [error] = await typeErrors('a-page.md', [block], globals, { node: false });
    assert.match(error, /^a-page\.md:3: error .*'forwards' does not exist/);
  });
});

describe('runs in Node', () => {
  const cwd = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-snippets-')); // for what they write
  let takeAway;
  before(async () => {
    takeAway = await give();
    process.chdir(folder);
  });
  after(() => {
    takeAway();
    process.chdir(cwd);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const { page, blocks } of all) {
    for (const block of blocks.filter(isRunnable)) {
      test(`${page}:${block.line}`, async (t) => {
        t.mock.method(console, 'log', () => {}); // what they print would go between the results
        await runBlock(page, block);
      });
    }
  }
});

test('the blocks that run are not few', () => {
  const count = all.flatMap(({ blocks }) => blocks.filter(isRunnable)).length;
  assert.ok(count >= 20, `${count} blocks are marked run`);
});

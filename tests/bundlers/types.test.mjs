// The packed package's declarations, as strict projects meet them, and its package.json, as those who check packages do.
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { install, lend, output, pack, root } from '../package/support.mjs';
import { projectsFolder } from './support/project.mjs';
import { installTools, runTool } from './support/tools.mjs';

const packed = await pack();
after(packed.remove);
const tools = await installTools();
const projects = await projectsFolder(tools);
after(projects.remove);
const folder = projects.folder;
const installed = join(folder, 'node_modules/vitreous');
before(async () => {
  await install(folder, packed.tarball);
  await lend(folder, ['@types/node', 'undici-types']);
  await cp(fileURLToPath(new URL('consumer', import.meta.url)), folder, { recursive: true });
});

const COMPILERS = {
  'TypeScript 7': join(root, 'node_modules/.bin/tsc'),
  'TypeScript 5': join(tools, 'node_modules/typescript5/bin/tsc'),
};
const strict = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
};
const page = {
  ...strict,
  module: 'esnext',
  moduleResolution: 'bundler',
  lib: ['es2022', 'dom', 'dom.iterable', 'esnext.disposable'],
  types: [],
};
const program = { ...strict, lib: ['es2022', 'dom', 'esnext.disposable'], types: ['node'] };
const consumers = {
  'a page, bundler': ['browser.ts', page],
  'a program, nodenext': ['node.ts', { ...program, module: 'nodenext' }],
  'a program, node16': ['node.ts', { ...program, module: 'node16' }],
  'a program that is bundled': ['node.ts', { ...page, types: ['node'], customConditions: ['node'] }],
};

for (const [compiler, tsc] of Object.entries(COMPILERS)) {
  describe(compiler, () => {
    for (const [name, [file, compilerOptions]] of Object.entries(consumers)) {
      test(name, async () => {
        const config = join(folder, 'tsconfig.json');
        await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
        await output(folder, process.execPath, tsc, '-p', config);
      });
    }
  });
}

/** The declarations that the public ones lead to, by path in the package: their texts. */
async function reachable() {
  const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const entries = JSON.stringify(exports).match(/\.\/dist\/types\/[^"]+/g);
  const texts = new Map();
  const visit = async (path) => {
    if (texts.has(path)) return;
    const text = await readFile(path, 'utf8');
    texts.set(path, text);
    for (const [, from] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) {
      await visit(resolve(dirname(path), from.replace(/\.m?js$/, '.d.ts')));
    }
  };
  for (const entry of entries) await visit(join(installed, entry));
  return texts;
}

test('no declaration that users can reach tells of the engine and its glue', async () => {
  for (const [path, text] of await reachable()) {
    assert.doesNotMatch(relative(installed, path), /types.engine/);
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(code, /#glue|#models|emscripten|embind|\bHEAP[UF]?\d|instantiateWasm/i);
    const outside = [...code.matchAll(/(?:from|import\()\s*['"]([^.'"][^'"]*)['"]/g)].map(([, name]) => name);
    assert.deepEqual(
      outside.filter((name) => !name.startsWith('node:')),
      [],
      relative(installed, path),
    );
  }
});

test('publint', async () => {
  await runTool(tools, folder, ['.bin/publint', 'run', installed, '--strict']);
});

test('Are the types wrong?', async () => {
  await runTool(tools, folder, ['.bin/attw', packed.tarball, '--profile', 'esm-only']);
});

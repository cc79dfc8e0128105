// `npm run report`: its figures are those of the files, and it complains of what it should.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { complaints, isPermissive, LIMITS, LOADED, markdown, report, sizes } from '../../scripts/report.mjs';
import { root } from '../package/support.mjs';

const all = report();

test('every wasm, script and model of the package is in it, with its size', () => {
  const { wasm, models } = all.sizes;
  const names = readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.wasm'));
  assert.ok(names.length >= 4);
  assert.deepEqual(
    wasm.map(({ name }) => name),
    names,
  );
  for (const { name, raw, gzip } of wasm) {
    const content = readFileSync(join(root, 'dist', name));
    assert.deepEqual([raw, gzip], [content.length, gzipSync(content, { level: 9 }).length]);
  }
  const [nano] = models;
  assert.equal(nano.raw, statSync(join(root, 'models/vit_nano_patch16_224/model.safetensors')).size);
  assert.ok(markdown(all).includes(`| ${nano.name} | ${(nano.raw / 1e3).toFixed(1)} kB |`));
});

test('a script counts with all that it imports, once', (t) => {
  const dist = mkdtempSync(join(tmpdir(), 'vitreous-report-'));
  t.after(() => rmSync(dist, { recursive: true, force: true }));
  mkdirSync(dist, { recursive: true });
  const files = {
    'index.js':
      'import{a}from"./shared-A.js";import"./shared-B.js";const u=new URL("./worker.js",import.meta.url);',
    'search.js': 'export*from"./shared-B.js";',
    'shared-A.js': 'export{b as a}from"./shared-B.js";',
    'shared-B.js': 'export const b=1;',
    'worker.js': '1',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dist, name), text);
  const length = (...names) => names.reduce((sum, name) => sum + files[name].length, 0);
  const { scripts } = sizes(dist);
  assert.deepEqual(
    scripts.map(({ raw }) => raw),
    [
      length('index.js', 'shared-A.js', 'shared-B.js', 'worker.js'),
      length('index.js', 'shared-A.js', 'shared-B.js'),
      length('search.js', 'shared-B.js'),
      length('worker.js'),
    ],
  );
});

test('the tarball is below its limit, and all that ships is permissively licensed', () => {
  assert.ok(all.tarball.size <= LIMITS.tarball, `${all.tarball.size} bytes`);
  const names = all.licences.shipped.map(({ name }) => name);
  for (const name of ['xnnpack', 'pthreadpool', '@noble/hashes']) assert.ok(names.includes(name), name);
  assert.deepEqual(
    all.licences.shipped.filter(({ licence }) => !isPermissive(licence)),
    [],
  );
});

test('the notices of the package have the licence of everything in it', () => {
  const notices = readFileSync(join(root, 'dist/THIRD_PARTY_NOTICES.txt'), 'utf8');
  for (const { name, how } of all.licences.shipped)
    if (how.startsWith('bundled')) assert.ok(notices.includes(`\n${name}\n\n`), name);
});

test('licences that ask for more than to be named are told from those that do not', () => {
  for (const licence of [
    'MIT',
    'MIT OR GPL-3.0-only',
    '(MIT OR CC0-1.0)',
    'Apache-2.0 AND MIT',
    'BSD-3-Clause',
  ])
    assert.ok(isPermissive(licence), licence);
  for (const licence of [
    'AGPL-3.0-only',
    'Apache-2.0 AND LGPL-3.0-or-later',
    'MPL-2.0',
    'none stated',
    'UNLICENSED',
  ])
    assert.ok(!isPermissive(licence), licence);
});

test('what is over a limit is complained of', () => {
  const wasm = (gzip) => [{ name: 'x.wasm', gzip }];
  const of = (gzip, size, licence, script = LIMITS.scriptGzip) =>
    complaints({
      sizes: { wasm: wasm(gzip), scripts: [{ name: LOADED, gzip: script }] },
      tarball: { size },
      licences: { shipped: [{ name: 'thing', licence }] },
    });
  assert.deepEqual(of(LIMITS.wasmGzip, LIMITS.tarball, 'MIT'), []);
  const all = of(LIMITS.wasmGzip + 1, LIMITS.tarball + 1, 'GPL-3.0-only', LIMITS.scriptGzip + 1);
  assert.equal(all.length, 4);
});

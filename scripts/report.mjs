// npm run report: how large what the package ships is, and under which licences; also in build/report.md.
//   npm run report -- --check     exit 1 where a limit is passed, or something that ships is not permissively licensed
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { root } from './setup/index.mjs';
import { main, SetupError, say } from './setup/log.mjs';

/** In bytes: the whole package; compressed with gzip, a wasm file, and all scripts that a page loads to embed. */
export const LIMITS = { tarball: 12e6, wasmGzip: 130e3, scriptGzip: 40e3 };
export const LOADED = 'both that a page loads to embed';

const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
]);

/** What the names of packages with a program for one platform end in: they are one package. */
const PLATFORM = /-(android|darwin|freebsd|linux|linuxmusl|openharmony|wasm32|win32)(-.*)?$/;

/** Whether an SPDX expression lets its user choose permissive terms for all of it. */
export const isPermissive = (licence) =>
  licence.split(' AND ').every((part) =>
    part
      .replace(/[()]/g, '')
      .split(' OR ')
      .some((id) => PERMISSIVE.has(id)),
  );

/** A file, or several that are loaded together, each compressed by itself. */
function sizeOf(...files) {
  const contents = files.map((file) => readFileSync(file));
  const sum = (size) => contents.reduce((total, content) => total + size(content), 0);
  return {
    raw: sum((content) => content.length),
    gzip: sum((content) => gzipSync(content, { level: 9 }).length),
    brotli: sum((content) => brotliCompressSync(content).length),
  };
}

/** A script and all that it imports, statically: what a browser loads for it. */
function withImports(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*["'](\.\/[^"']+)["']/g))
    withImports(join(dirname(file), path), found);
  return found;
}

/** @param {string} dist the folder of the built package */
export function sizes(dist) {
  const at = (name) => join(dist, name);
  const names = readdirSync(dist);
  const entries = names.filter((name) => /^(?!worker|shared-)[\w-]+\.js$/.test(name));
  const worker = at('worker.js');
  return {
    wasm: names.filter((name) => name.endsWith('.wasm')).map((name) => ({ name, ...sizeOf(at(name)) })),
    scripts: [
      { name: LOADED, ...sizeOf(...withImports(at('index.js')), worker) },
      ...entries.map((name) => ({ name: `${name} with its imports`, ...sizeOf(...withImports(at(name))) })),
      { name: 'worker.js', ...sizeOf(worker) },
    ],
    models: names
      .filter((name) => name.endsWith('.safetensors'))
      .map((name) => ({ name, raw: statSync(at(name)).size })),
  };
}

/** The size of the tarball, packed and unpacked. */
export function tarball(folder) {
  const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  const said = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], options));
  const { size, unpackedSize, entryCount } = Array.isArray(said) ? said[0] : Object.values(said)[0];
  return { size, unpackedSize, entryCount };
}

/** Whose code is in what ships, `shipped`, and the packages by which it is built and tested, by licence, `tools`. */
export function licences(dist) {
  const { sources } = JSON.parse(readFileSync(join(root, 'scripts/setup/sources.json'), 'utf8'));
  const notices = readFileSync(join(dist, 'THIRD_PARTY_NOTICES.txt'), 'utf8');
  const bundled = /^Bundled in the JavaScript: (.+)\.$/m.exec(notices);
  if (!bundled) throw new SetupError('THIRD_PARTY_NOTICES.txt does not say which packages are bundled.');
  const shipped = [
    // What the tests alone are compiled with is not in the notices.
    ...Object.entries(sources)
      .filter(([name]) => notices.includes(`\n${name}\n`))
      .map(([name, { licence }]) => ({ name, licence, how: 'compiled into the wasm' })),
    ...['Emscripten', 'musl'].map((name) => ({ name, licence: 'MIT', how: 'compiled into the wasm' })),
    { name: 'libc++, libc++abi, compiler-rt', licence: 'Apache-2.0', how: 'compiled into the wasm' },
    ...bundled[1].split(', ').map((name) => {
      const { license } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
      return { name, licence: license, how: 'bundled in the JavaScript' };
    }),
  ];
  const tools = new Map();
  for (const lock of lockFiles()) {
    const { packages } = JSON.parse(readFileSync(join(root, lock), 'utf8'));
    for (const [path, { license = 'none stated', link }] of Object.entries(packages)) {
      if (!path.includes('node_modules/') || link) continue;
      const name = path.split('node_modules/').at(-1).replace(PLATFORM, '-*');
      const names = tools.get(license) ?? new Map();
      tools.set(license, names.set(name, [...new Set([...(names.get(name) ?? []), dirname(lock)])]));
    }
  }
  return { shipped, tools };
}

/** Those of the root and of the folders below that have packages of their own. */
function lockFiles(folder = '.', depth = 2) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  const below = entries.filter(
    (entry) => entry.isDirectory() && !/^\.|^(node_modules|build|dist)$/.test(entry.name),
  );
  return [
    ...entries.filter(({ name }) => name === 'package-lock.json').map(({ name }) => join(folder, name)),
    ...(depth > 0 ? below.flatMap(({ name }) => lockFiles(join(folder, name), depth - 1)) : []),
  ];
}

/** What is over its limit, or not permissively licensed, in words. */
export function complaints({ sizes: { wasm, scripts }, tarball: { size }, licences: { shipped } }) {
  const over = (name, bytes, limit) =>
    bytes > limit ? [`${name}: ${kB(bytes)}, the limit is ${kB(limit)}`] : [];
  return [
    ...over('The tarball', size, LIMITS.tarball),
    ...wasm.flatMap(({ name, gzip }) => over(`${name}, gzip`, gzip, LIMITS.wasmGzip)),
    ...scripts
      .filter(({ name }) => name === LOADED)
      .flatMap(({ name, gzip }) => over(`${name}, gzip`, gzip, LIMITS.scriptGzip)),
    ...shipped
      .filter(({ licence }) => !isPermissive(licence))
      .map(({ name, licence }) => `${name} ships, and its licence is ${licence}`),
  ];
}

/** All of it, about the built package. */
export function report() {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) throw new SetupError('There is no dist/ to report on: npm run build');
  return { sizes: sizes(dist), tarball: tarball(root), licences: licences(dist) };
}

const kB = (bytes) => (bytes === undefined ? '' : `${(bytes / 1e3).toFixed(1)} kB`);
const table = (head, rows) =>
  [head, head.map((_, i) => (i ? '--:' : '---')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The report as Markdown. */
export function markdown({ sizes, tarball, licences }) {
  const { wasm, scripts, models } = sizes;
  const files = [...wasm, ...scripts, ...models];
  const others = [...licences.tools].filter(([licence]) => !isPermissive(licence));
  const count = [...licences.tools.values()].reduce((sum, names) => sum + names.size, 0);
  return [
    '# Size and licences',
    table(
      ['', 'raw', 'gzip', 'brotli'],
      [
        ...files.map(({ name, raw, gzip, brotli }) => [name, kB(raw), kB(gzip), kB(brotli)]),
        [`the tarball, ${tarball.entryCount} files`, kB(tarball.unpackedSize), kB(tarball.size), ''],
      ],
    ),
    table(
      ['in the package', 'licence', 'how'],
      licences.shipped.map(({ name, licence, how }) => [name, licence, how]),
    ),
    `${count} npm packages build, test and measure it, or are its examples’; none of them ships unless named above.`,
    others.length === 0
      ? 'All of them are permissively licensed.'
      : table(
          ['not permissive, and not shipped', 'packages'],
          others.map(([licence, names]) => [
            licence,
            [...names].map(([name, where]) => `${name} (${where.map(placeOf).join(', ')})`).join(', '),
          ]),
        ),
    '',
  ].join('\n\n');
}

const placeOf = (folder) => (folder === '.' ? 'root' : folder);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => {
    const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
    const all = report();
    const text = markdown(all);
    say(text);
    mkdirSync(join(root, 'build'), { recursive: true });
    writeFileSync(join(root, 'build/report.md'), text);
    const wrong = complaints(all);
    if (wrong.length > 0 && values.check) throw new SetupError(wrong.join('\n'));
    for (const complaint of wrong) say(`! ${complaint}`);
  });
}

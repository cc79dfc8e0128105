// The builds: the engine natively and as wasm (CMake), and the package in dist/ (esbuild, tsc).
//   node scripts/build.mjs     sets up what is missing and builds the package and the demo
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { root, setup } from './setup/index.mjs';
import { main, note, SetupError, say, step } from './setup/log.mjs';
import { run } from './setup/run.mjs';

const VARIANTS = ['simd', 'relaxed', 'simd-mt', 'relaxed-mt'];
const THREADED = VARIANTS.filter((variant) => variant.endsWith('-mt'));
// What the package exports: itself, and these as vitreous/recipes …
const ENTRIES = ['index', 'recipes', 'search', 'export'];
// Those that are others in Node.
const NODE_ENTRIES = ['index', 'search'];
// Code of several entries lies in one file, so that there is one VitreousError for all of them.
const SHARED = { outdir: 'dist', splitting: true, chunkNames: 'shared-[hash]', format: 'esm' };
// What each of the engine's modules may take of a page's traffic: gzipped, in any variant.
const MAX_WASM_BYTES = { vitreous: 130e3, 'vitreous-tools': 95e3 };
const MODULES = Object.keys(MAX_WASM_BYTES);
const NANO = 'models/vit_nano_patch16_224';
const PHOTOS = 'models/photos';
const dist = join(root, 'dist');

/** Configures a preset when it never was, or with other settings, and builds targets of it. */
async function cmake(preset, { toolchain, cacheFile }, targets) {
  const native = preset === 'native';
  const env = native ? { CXX: toolchain.cxx, ...toolchain.nativeEnv } : toolchain.wasmEnv;
  const folder = join(root, 'build', preset);
  const stamp = join(folder, 'configured.json');
  const settings = JSON.stringify({ env, sources: readFileSync(cacheFile, 'utf8') });
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== settings) {
    const configure = ['cmake', '--preset', preset, '-C', cacheFile];
    const [command, ...args] = native ? configure : ['emcmake', ...configure];
    await run(command, args, { title: `Configure ${preset}`, cwd: root, env });
    writeFileSync(stamp, settings);
  }
  const args = ['-C', folder, '-j', String(cpus().length), ...targets];
  await run('ninja', args, { title: `Build ${preset}`, cwd: root, env });
}

/** The engine and its tests, native under sanitizers: build/native. */
export async function buildNative(ready) {
  await cmake('native', ready, ['all']);
}

/** The engine, its bindings and its tests as wasm, with and without relaxed SIMD and threads. */
export async function buildWasm(ready) {
  for (const variant of ['simd', 'relaxed-mt']) await cmake(variant, ready, ['all']);
}

/** The package: dist/, and the demo beside it in build/demo. */
export async function buildPackage(ready) {
  for (const variant of VARIANTS) await cmake(variant, ready, ['bindings']);
  const stamp = join(root, 'build/package.stamp');
  const digest = digestOf(
    [
      'web',
      'demo',
      NANO,
      PHOTOS,
      'package.json',
      'tsconfig.json',
      'scripts/build.mjs',
      'scripts/samples.mjs',
    ],
    bindings(),
  );
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && existsSync(dist)) return;
  rmSync(stamp, { force: true }); // a build that fails halfway must not pass for the one before
  await step('Build the package', async () => {
    rmSync(dist, { recursive: true, force: true });
    mkdirSync(dist);
    checkGlue();
    checkSizes();
    await writeModels();
    const packages = await bundle();
    for (const file of VARIANTS.flatMap(wasms)) cpSync(file, join(dist, basename(file)));
    cpSync(join(root, NANO, 'model.safetensors'), join(dist, 'vit_nano_patch16_224.safetensors'));
    cpSync(join(root, NANO, 'labels.txt'), join(dist, 'imagenet-1k.txt')); // the nano model's classes are ImageNet's
    mkdirSync(join(dist, 'photos'));
    for (const name of photos()) cpSync(join(root, PHOTOS, name), join(dist, 'photos', name));
    writeFileSync(join(dist, 'THIRD_PARTY_NOTICES.txt'), notices(ready.sources, packages));
    await run(join(root, 'node_modules/.bin/tsc'), [], { title: 'Write the type declarations', cwd: root });
  });
  const { buildDemo } = await import('../demo/build.mjs');
  await step('Build the demo', () => buildDemo({ outdir: join(root, 'build/demo') }));
  writeFileSync(stamp, digest);
}

const modelTable = join(root, 'build/models.json');
const photos = () => readdirSync(join(root, PHOTOS)).filter((name) => name.endsWith('.jpg'));
const bindingsOf = (variant, file) => join(root, `build/${variant}/bindings`, file);
const wasm = (variant, module = 'vitreous') => bindingsOf(variant, `${module}-${variant}.wasm`);
const wasms = (variant) => MODULES.map((module) => wasm(variant, module));
const glue = (variant, module = 'vitreous') => bindingsOf(variant, `${module}-${variant}.mjs`);
const nodeWasm = (variant) => bindingsOf(variant, `node/vitreous-${variant}.wasm`);
const nodeGlue = (variant) => bindingsOf(variant, `node/vitreous-${variant}.cjs`);
const modelsWasm = bindingsOf('simd', 'models.wasm');
const bindings = () => [
  ...VARIANTS.flatMap((name) => [glue(name), ...wasms(name)]),
  ...THREADED.map(nodeGlue),
  modelsWasm,
];

/** One glue starts all modules, and one wasm serves two glues; that the linker wrote them so is checked, not believed. */
function checkGlue() {
  const same = (files) => {
    const [first, ...others] = files.map((file) =>
      readFileSync(file, 'latin1').replaceAll(basename(file).replace(/\.\w+$/, ''), 'vitreous'),
    );
    if (others.some((other) => other !== first)) {
      throw new SetupError(`These differ, so that one can no longer stand for all:\n  ${files.join('\n  ')}`);
    }
  };
  same(THREADED.map((variant) => glue(variant)));
  same(THREADED.map(nodeGlue));
  for (const variant of THREADED) same([wasm(variant), nodeWasm(variant)]);
  // What a module asks for and has stands in the glue that was written for it.
  const names = (pattern, text) => pattern.exec(text)[1].match(/\w+(?=:)/g);
  const imports = (file) => names(/wasmImports={([^}]+)}/, readFileSync(file, 'latin1'));
  const exports = (file) => readFileSync(file, 'latin1').match(/wasmExports\["\w+"\]/g);
  for (const variant of VARIANTS) {
    const [model, tools] = MODULES.map((module) => glue(variant, module));
    const unfit = [
      ...difference([...imports(model), ...imports(tools)], imports(glue('simd-mt'))),
      ...difference(exports(model), exports(tools)),
    ];
    if (unfit.length) throw new SetupError(`The glue does not fit the modules of ${variant}: ${unfit}`);
  }
}

const difference = (list, other) => list.filter((entry) => !other.includes(entry));

/** Writes down the engine's table of models, which the package knows without an engine. */
async function writeModels() {
  const { default: createEngine } = await import(pathToFileURL(bindingsOf('simd', 'models.mjs')));
  const module = await WebAssembly.compile(readFileSync(modelsWasm));
  const engine = await createEngine({
    instantiateWasm(imports, done) {
      WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
      return {};
    },
  });
  writeFileSync(modelTable, JSON.stringify(engine.models()));
}

/** Shows how large each wasm is when gzipped, and refuses more than a page should be asked to take. */
function checkSizes() {
  const sizes = VARIANTS.flatMap((variant) =>
    MODULES.map((module) => {
      const zipped = gzipSync(readFileSync(wasm(variant, module)), { level: 9 }).length;
      return { module, variant, zipped };
    }),
  );
  note(sizes.map(({ module, variant, zipped }) => `${module}-${variant} ${kB(zipped)}`).join(', '));
  const large = sizes.find(({ module, zipped }) => zipped > MAX_WASM_BYTES[module]);
  if (large) {
    const { module, variant } = large;
    throw new SetupError(`${module}-${variant}.wasm is over ${kB(MAX_WASM_BYTES[module])} gzipped.`);
  }
}

const kB = (bytes) => `${(bytes / 1e3).toFixed(1)} kB`;

/**
 * esbuild's chunks are what the same entries share. With all of the index behind each entry there is one chunk and not
 * five, which compresses better; who imports another entry has a model, and so has loaded the index.
 */
const oneChunk = {
  name: 'one chunk',
  setup(build) {
    build.onResolve({ filter: /^page:/ }, ({ path }) => ({ path: path.slice(5), namespace: 'page' }));
    build.onResolve({ filter: /index\.ts$/, namespace: 'page' }, () => ({
      path: join(root, 'web/index.ts'),
      sideEffects: true, // else an import for nothing but its being there goes
    }));
    build.onLoad({ filter: /./, namespace: 'page' }, ({ path }) => ({
      contents: `import './index.ts'; export * from './${path}.ts';`,
      resolveDir: join(root, 'web'),
    }));
  },
};

/** The glue is given its wasm and memory: how it would come by its own goes, where that is written as we know it. */
const givenWasm = {
  name: 'given wasm',
  setup(build) {
    const own = [
      /wasmBinaryFile\?\?=findWasmBinary\(\);instantiateAsync\([^;]*;return\s?{}/,
      /if\(ENVIRONMENT_IS_WEB\|\|ENVIRONMENT_IS_WORKER\)\{if\(ENVIRONMENT_IS_WORKER\)\{scriptDirectory=.*?\}else\{\}(?=var )/,
      /(?<=if\(Module\["wasmMemory"\]\)\{wasmMemory=Module\["wasmMemory"\]\})else\{.*?\}\)\}/,
    ];
    build.onLoad({ filter: new RegExp(`${basename(glue('simd-mt'))}$`) }, ({ path }) => ({
      contents: own.reduce((text, passage) => text.replace(passage, ''), readFileSync(path, 'utf8')),
    }));
  },
};

/** Smaller than esbuild makes it. What bundlers look for, such as new Worker(new URL(…)), stays as it is. */
async function minified(code, module) {
  const { minify } = await import('terser');
  // No function of ours or of the glue is a constructor, unless it is written as a class. The rest is to gzip's liking.
  const safe = { passes: 3, pure_getters: true, unsafe_arrows: true };
  // Bundlers see what of a module is not used only by declarations of one name each.
  const separate = module && { join_vars: false, sequences: false, reduce_funcs: false };
  const compress = { ...safe, ...separate, keep_fargs: false, inline: 1, lhs_constants: false };
  const result = await minify(code, { module, ecma: 2022, compress, format: { quote_style: 1 } });
  return result.code;
}

/** Returns the npm packages that are bundled in what a browser loads. */
async function bundle() {
  const { build } = await import('esbuild');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const shared = {
    bundle: true,
    target: 'es2022',
    alias: { '#glue': glue('simd-mt'), '#models': modelTable },
    define: { VERSION: JSON.stringify(version) },
    loader: { '.txt': 'text' },
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
    absWorkingDir: root,
  };
  const browser = { ...shared, platform: 'browser', metafile: true, write: false };
  const page = {
    ...browser,
    entryPoints: Object.fromEntries(ENTRIES.map((entry) => [entry, `page:${entry}`])),
    ...SHARED,
    plugins: [oneChunk],
  };
  const worker = {
    ...browser,
    entryPoints: ['web/worker.ts'],
    inject: ['web/engine/shared_array_buffer.ts'],
    outfile: 'dist/worker.js',
    format: 'iife',
    plugins: [givenWasm],
  };
  const bundled = [];
  for (const options of [page, worker]) {
    const { metafile, outputFiles } = await build(options);
    bundled.push(...Object.keys(metafile.inputs));
    for (const { path, text } of outputFiles)
      writeFileSync(path, await minified(text, options.format === 'esm'));
    if (options === page) markImport(Object.keys(metafile.outputs));
  }
  const node = { ...shared, platform: 'node', target: 'node20', format: 'esm' };
  await build({
    ...node,
    entryPoints: [nodeGlue('simd-mt')],
    outfile: 'dist/node-threads.cjs',
    format: 'cjs',
    // V8 holds what waits there for ever, and by it the memory of every engine that was disposed of. The glue can do
    // without.
    define: { 'Atomics.waitAsync': 'undefined' },
  });
  const entries = Object.fromEntries(
    ENTRIES.map((entry) => [
      entry === 'index' ? 'node' : `node-${entry}`,
      NODE_ENTRIES.includes(entry) ? `web/node/${entry}.ts` : `web/${entry}.ts`,
    ]),
  );
  entries['node-embedder'] = 'web/node/embedder.ts'; // what each of several processes runs
  const mjs = { '.js': '.mjs' };
  await build({ ...node, entryPoints: entries, ...SHARED, outExtension: mjs, external: ['sharp'] });
  await build({
    ...node,
    entryPoints: ['web/node/cli.ts'],
    outfile: 'dist/cli.mjs',
    external: ['vitreous', 'vitreous/search', 'vitreous/export'],
    banner: { js: '#!/usr/bin/env node' },
  });
  const packageOf = (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
  return [...new Set(bundled.map(packageOf).filter(Boolean))].sort();
}

/** Puts back what esbuild drops as it minifies: that bundlers must leave the import of web/engine/here.ts alone. */
function markImport(files) {
  let marked = 0;
  const mark = () => {
    marked += 1;
    return 'import(/* @vite-ignore *//* webpackIgnore: true */';
  };
  for (const name of files) {
    const file = join(root, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/\bimport\((?=\w+\))/g, mark));
  }
  if (marked !== 1)
    throw new SetupError(`${marked} imports of an address in the bundle, not the one that is known.`);
}

/** The licences of what is compiled into the wasm or bundled, which ask to be handed on with it. */
function notices(sources, packages) {
  const compiledIn = Object.entries(sources).filter(([name]) => name !== 'googletest');
  const texts = compiledIn.map(
    ([name, folder]) => `${name}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8')}`,
  );
  const intro =
    'The .wasm files of this package contain code of the projects below, and of the runtime libraries of Emscripten\n' +
    '(MIT), musl (MIT), and LLVM libc++, libc++abi and compiler-rt (Apache-2.0 with LLVM exceptions).\n' +
    `Bundled in the JavaScript: ${packages.join(', ')}.\n`;
  for (const name of packages) {
    texts.push(`${name}\n\n${readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8')}`);
  }
  return [intro, ...texts].join(`\n${'-'.repeat(80)}\n\n`);
}

/** A digest of everything under these paths. */
function digestOf(paths, files) {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else hash.update(`${path}\0`).update(readFileSync(path));
  };
  for (const path of paths) add(join(root, path));
  for (const file of files) add(file);
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await buildPackage(await setup());
    say('The package is in dist/, the demo in build/demo/.');
  });
}

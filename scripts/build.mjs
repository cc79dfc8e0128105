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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, setup } from './setup/index.mjs';
import { main, SetupError, say, step } from './setup/log.mjs';
import { run } from './setup/run.mjs';

const VARIANTS = ['simd', 'relaxed'];
const NANO = 'models/vit_nano_patch16_224';
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

/** The engine, its bindings and its tests as wasm: build/simd, build/relaxed. */
export async function buildWasm(ready) {
  for (const variant of VARIANTS) await cmake(variant, ready, ['all']);
}

/** The package: dist/, and the demo beside it in build/demo. */
export async function buildPackage(ready) {
  for (const variant of VARIANTS) await cmake(variant, ready, ['bindings']);
  const stamp = join(root, 'build/package.stamp');
  const digest = digestOf(
    ['web', 'demo', NANO, 'package.json', 'tsconfig.json', 'scripts/build.mjs', 'scripts/samples.mjs'],
    bindings(),
  );
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && existsSync(dist)) return;
  await step('Build the package', async () => {
    rmSync(dist, { recursive: true, force: true });
    mkdirSync(dist);
    checkGlue();
    await bundle();
    for (const variant of VARIANTS) {
      cpSync(
        join(root, `build/${variant}/bindings/vitreous-${variant}.wasm`),
        join(dist, `vitreous-${variant}.wasm`),
      );
    }
    cpSync(join(root, NANO, 'model.safetensors'), join(dist, 'vit_nano_patch16_224.safetensors'));
    await run(join(root, 'node_modules/.bin/tsc'), [], { title: 'Write the type declarations', cwd: root });
  });
  const { buildDemo } = await import('../demo/build.mjs');
  await step('Build the demo', () => buildDemo({ outdir: join(root, 'build/demo') }));
  writeFileSync(stamp, digest);
}

const glue = (variant) => join(root, `build/${variant}/bindings/vitreous-${variant}.mjs`);
const bindings = () => VARIANTS.flatMap((variant) => [glue(variant), glue(variant).replace(/mjs$/, 'wasm')]);

/** One glue serves both variants; that the linker wrote it the same for both is checked, not believed. */
function checkGlue() {
  const [first, ...others] = VARIANTS.map((variant) =>
    readFileSync(glue(variant), 'utf8').replaceAll(`vitreous-${variant}`, 'vitreous'),
  );
  if (others.some((other) => other !== first)) {
    throw new SetupError('The glue of the wasm variants differs: they can no longer share one in web/.');
  }
}

async function bundle() {
  const { build } = await import('esbuild');
  const shared = {
    bundle: true,
    target: 'es2022',
    alias: { '#glue': glue('simd') },
    loader: { '.txt': 'text' },
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
    absWorkingDir: root,
  };
  const browser = { ...shared, platform: 'browser' };
  await build({ ...browser, entryPoints: ['web/index.ts'], outfile: 'dist/index.js', format: 'esm' });
  await build({ ...browser, entryPoints: ['web/worker.ts'], outfile: 'dist/worker.js', format: 'iife' });
  const node = { ...shared, platform: 'node', target: 'node20', format: 'esm' };
  await build({ ...node, entryPoints: ['web/node/index.ts'], outfile: 'dist/node.mjs', external: ['sharp'] });
  await build({
    ...node,
    entryPoints: ['web/node/cli.ts'],
    outfile: 'dist/cli.mjs',
    external: ['vitreous'],
    define: { VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version) },
    banner: { js: '#!/usr/bin/env node' },
  });
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

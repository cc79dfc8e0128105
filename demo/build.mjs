// Builds the page into a folder that any web server can serve.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ensureSamples, samplesDir } from '../scripts/samples.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = (file) => join(root, 'demo', file);

// What of the package's dist the page fetches: esbuild copies no assets, so they are put beside the bundle.
const isAsset = (file) => file === 'worker.js' || /\.(wasm|safetensors)$|^imagenet/.test(file);

/** Builds the demo against the package in `dist/`, which it imports by name as any user does. */
export async function buildDemo({ outdir }) {
  await ensureSamples();
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  await build({
    entryPoints: ['main.ts', 'thumbnail-worker.ts', 'style.css'].map(here),
    outdir,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    define: { VERSION: JSON.stringify(version) },
    logLevel: 'warning',
    absWorkingDir: root,
  });
  for (const file of ['index.html', 'favicon.svg']) cpSync(here(file), join(outdir, file));
  const dist = join(root, 'dist');
  for (const file of readdirSync(dist).filter(isAsset)) cpSync(join(dist, file), join(outdir, file));
  const datasheet = join(root, 'models/vit_nano_patch16_224/DATASHEET.md');
  cpSync(datasheet, join(outdir, 'vit_nano_patch16_224.DATASHEET.md'));
  cpSync(samplesDir, join(outdir, 'samples'), {
    recursive: true,
    filter: (path) => !path.endsWith('.stamp'),
  });
}

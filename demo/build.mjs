// Builds the page into a folder that any web server can serve.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ensureSamples, samplesDir } from '../scripts/samples.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = (file) => join(root, 'demo', file);

// What of the package's dist the page fetches: esbuild copies no assets, so they are put beside the bundle.
const isAsset = (file) => file === 'worker.js' || /\.(wasm|safetensors)$|^imagenet/.test(file);
const ICON_SIZES = [192, 512];

/** Builds the demo against the package in `dist/`, which it imports by name as any user does. */
export async function buildDemo({ outdir }) {
  await ensureSamples();
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const options = {
    outdir,
    bundle: true,
    target: 'es2022',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    loader: { '.html': 'text' },
    logLevel: 'warning',
    absWorkingDir: root,
  };
  const { metafile } = await build({
    ...options,
    metafile: true,
    entryPoints: ['main.ts', 'thumbnail-worker.ts', 'style.css'].map(here),
    format: 'esm',
    splitting: true,
    define: { VERSION: JSON.stringify(version) },
  });
  // A classic script, which runs before the page is painted.
  await build({ ...options, entryPoints: [here('theme.ts')], format: 'iife' });
  for (const file of ['favicon.svg', 'manifest.webmanifest']) cpSync(here(file), join(outdir, file));
  writeFileSync(join(outdir, 'index.html'), withPreloads(metafile));
  await drawIcons(outdir);
  const dist = join(root, 'dist');
  for (const file of readdirSync(dist).filter(isAsset)) cpSync(join(dist, file), join(outdir, file));
  const datasheet = join(root, 'models/vit_nano_patch16_224/DATASHEET.md');
  cpSync(datasheet, join(outdir, 'vit_nano_patch16_224.DATASHEET.md'));
  cpSync(samplesDir, join(outdir, 'samples'), {
    recursive: true,
    filter: (path) => !path.endsWith('.stamp'),
  });
  // Last: it knows all other files by their contents.
  const files = readdirSync(outdir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(outdir.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(outdir, file)));
  await build({
    ...options,
    entryPoints: [here('service-worker.ts')],
    format: 'iife',
    define: {
      VERSION_HASH: JSON.stringify(hash.digest('hex').slice(0, 12)),
      FILES: JSON.stringify(['./', ...files]),
    },
  });
}

/** The page, which asks for what main.js imports together with it, not after it. */
function withPreloads({ outputs }) {
  const main = Object.values(outputs).find(({ entryPoint }) => entryPoint === 'demo/main.ts');
  const html = readFileSync(here('index.html'), 'utf8');
  const links = main.imports
    .filter(({ kind }) => kind === 'import-statement')
    .map(({ path }) => `  <link rel="modulepreload" href="${basename(path)}">\n`);
  return html.replace('</head>', `${links.join('')}</head>`);
}

/** The icons of the installed page: those of a home screen are cut to a circle or a square, so they reach to the edge. */
async function drawIcons(outdir) {
  const { default: sharp } = await import('sharp');
  const svg = readFileSync(here('favicon.svg'));
  for (const size of ICON_SIZES) {
    const icon = sharp(svg, { density: (72 * size) / 64 }).resize(size, size);
    await icon.png().toFile(join(outdir, `icon-${size}.png`));
  }
  const inner = await sharp(svg, { density: 512 }).resize(400, 400).png().toBuffer();
  const full = { create: { width: 512, height: 512, channels: 4, background: '#0d6f69' } };
  await sharp(full)
    .composite([{ input: inner }])
    .png()
    .toFile(join(outdir, 'icon-maskable-512.png'));
}

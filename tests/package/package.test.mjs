// The package as it ships: packed, installed in an empty folder, used from there.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { sizes } from '../../scripts/report.mjs';
import { launchChromium } from '../browser/support/chromium.mjs';
import { openSite, STRICT_CSP, startSite } from '../browser/support/site.mjs';
import { fixture } from '../js/support/golden.mjs';
import { assertBoats, BOATS, install, lend, output as outputIn, pack, root, SHARP } from './support.mjs';

// Gzipped, but for the tarball, which is.
const MAX_BYTES = {
  tarball: 12e6,
  'vitreous.wasm': 130e3,
  'vitreous-tools.wasm': 95e3,
  'index.js with its imports': 22e3,
  'worker.js': 32e3,
};

let folder; // the empty folder with the package installed
let packed;
let installed;
let remove;
before(async () => {
  const tarball = await pack();
  ({ folder, packed, remove } = tarball);
  installed = await install(folder, tarball.tarball);
});
after(() => remove());

const output = (command, ...args) => outputIn(folder, command, ...args);

test('what is in it', async (t) => {
  const all = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/types/'));
  // What several entries share has names by content, and each is asked for by an entry.
  const [shared, files] = [/^dist\/shared-\w+\.m?js$/].flatMap((pattern) => [
    all.filter((path) => pattern.test(path)),
    all.filter((path) => !pattern.test(path)),
  ]);
  const sources = all.filter((path) => /\.m?js$/.test(path));
  const texts = await Promise.all(sources.map((path) => readFile(join(installed, path), 'utf8')));
  for (const path of shared) {
    const name = path.slice('dist/'.length);
    assert.ok(
      texts.some((text) => text.includes(`./${name}`)),
      `nothing imports ${name}`,
    );
  }
  const meant = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/THIRD_PARTY_NOTICES.txt',
    'dist/cli.mjs',
    'dist/export.js',
    'dist/imagenet-1k.txt',
    'dist/index.js',
    'dist/node-embedder.mjs',
    'dist/node-export.mjs',
    'dist/node-recipes.mjs',
    'dist/node-search.mjs',
    'dist/node-threads.cjs',
    'dist/node.mjs',
    'dist/photos/airplane-from-above.jpg',
    'dist/photos/allium-oreophilum.jpg',
    'dist/photos/dust-bowl-home.jpg',
    'dist/photos/locomotion-house-cat.jpg',
    'dist/photos/nagasaki-boats.jpg',
    'dist/recipes.js',
    'dist/search.js',
    'dist/vit_nano_patch16_224.safetensors',
    'dist/vitreous-relaxed-mt.wasm',
    'dist/vitreous-relaxed.wasm',
    'dist/vitreous-simd-mt.wasm',
    'dist/vitreous-simd.wasm',
    'dist/vitreous-tools-relaxed-mt.wasm',
    'dist/vitreous-tools-relaxed.wasm',
    'dist/vitreous-tools-simd-mt.wasm',
    'dist/vitreous-tools-simd.wasm',
    'dist/worker.js',
    'models/photos/README.md',
    'models/vit_nano_patch16_224/DATASHEET.md',
    'package.json',
  ];
  assert.deepEqual(files.sort(), meant);
  const types = packed.files.map(({ path }) => path).filter((path) => path.startsWith('dist/types/'));
  assert.ok(types.includes('dist/types/index.d.ts') && types.includes('dist/types/node/index.d.ts'));
  assert.deepEqual(
    types.filter((path) => !path.endsWith('.d.ts')),
    [],
  );
  t.diagnostic(
    `${(packed.size / 1e6).toFixed(1)} MB packed, ${(packed.unpackedSize / 1e6).toFixed(1)} MB unpacked`,
  );
});

test('what a page loads of it is small, and the worker too large to be inlined', async (t) => {
  assert.ok(packed.size <= MAX_BYTES.tarball, `the tarball has ${packed.size} bytes`);
  const { wasm, scripts } = sizes(join(installed, 'dist'));
  for (const { name, gzip } of [...wasm, ...scripts]) {
    const most = MAX_BYTES[name.replace(/-(simd|relaxed)(-mt)?\.wasm$/, '.wasm')];
    t.diagnostic(`${name}: ${(gzip / 1e3).toFixed(1)} kB gzipped`);
    assert.ok(most === undefined || gzip <= most, `${name} has ${gzip} bytes gzipped, more than ${most}`);
  }
  assert.ok((await stat(join(installed, 'dist/worker.js'))).size > 4096); // Vite makes data: URLs of less
});

test('no path of the machine that built it is in it', async () => {
  for (const { path: name } of packed.files) {
    const text = await readFile(join(installed, name), 'latin1');
    assert.ok(!text.includes(root), name);
  }
});

describe('Node', () => {
  const program = `
    import { createModel, VitreousError } from 'vitreous';
    const model = await createModel('vit_nano_patch16_224');
    const embedding = await model.embed(process.argv[2]).catch((error) => ({ code: error.code, message: error.message }));
    console.log(JSON.stringify(embedding instanceof Float32Array ? Array.from(embedding) : embedding));
  `;
  before(() => writeFile(join(folder, 'embed.js'), program));

  test('without sharp, files say what is missing', async () => {
    const { code, message } = JSON.parse(await output(process.execPath, 'embed.js', fixture(BOATS)));
    assert.equal(code, 'UNSUPPORTED');
    assert.match(message, /npm install sharp/);
  });

  test('with sharp, timm’s embedding', async () => {
    await lend(folder, SHARP);
    assertBoats(JSON.parse(await output(process.execPath, 'embed.js', fixture(BOATS))));
  });

  test('npx vitreous', async () => {
    const info = JSON.parse(await output('npx', '--offline', 'vitreous', 'info', '--json'));
    assert.equal(info.config.name, 'vit_nano_patch16_224');
    assertBoats(JSON.parse(await output('npx', '--offline', 'vitreous', 'embed', fixture(BOATS))).embedding);
  });

  test('require() of a project that is not ESM', async () => {
    await writeFile(
      join(folder, 'import.cjs'),
      "import('vitreous').then(({ topk }) => console.log(typeof topk));",
    );
    assert.equal(await output(process.execPath, 'import.cjs'), 'function\n');
  });
});

describe('Chromium', () => {
  const page = '<!doctype html><meta charset="utf-8"><title>vitreous</title>';
  const program = `
    import { createModel } from 'vitreous';
    globalThis.ready = createModel('vit_nano_patch16_224').then(async (model) => {
      globalThis.result = { worker: model.info.worker, embedding: Array.from(await model.embed('fixtures/${BOATS}')) };
    });
  `;
  let browser;
  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  async function assertWorks(site, { worker: expected = true, ...options } = {}) {
    const server = await startSite({ '/fixtures/': fixture(''), ...site }, options);
    const { page, problems, close } = await openSite(browser, server.url);
    const { worker, embedding } = await page.evaluate(() => globalThis.result);
    assert.equal(worker, expected);
    assertBoats(embedding);
    assert.deepEqual(problems, []);
    await close();
    await server.close();
    return server.requests;
  }

  test('bundled by esbuild, with the package’s dist copied beside', async () => {
    const out = join(folder, 'bundled');
    await mkdir(out);
    await writeFile(join(folder, 'app.js'), program);
    await build({
      entryPoints: [join(folder, 'app.js')],
      outdir: out,
      bundle: true,
      format: 'esm',
      minify: true,
      logLevel: 'error',
    });
    for (const name of await readdir(join(installed, 'dist'))) {
      if (/worker\.js$|wasm$|safetensors$|^imagenet/.test(name))
        await cp(join(installed, 'dist', name), join(out, name));
    }
    await writeFile(join(out, 'index.html'), `${page}<script type="module" src="app.js"></script>`);
    const requests = await assertWorks({ '/': out });
    // One variant, one worker, the model once and its labels; nothing of search.
    const fetched = requests.filter((url) => /wasm|worker|safetensors|imagenet/.test(url)).sort();
    assert.deepEqual(fetched, [
      '/imagenet-1k.txt',
      '/vit_nano_patch16_224.safetensors',
      '/vitreous-relaxed.wasm',
      '/worker.js',
    ]);
  });

  test('in the page’s own thread, from the same bundle', async () => {
    const out = join(folder, 'bundled');
    const text = await readFile(join(out, 'app.js'), 'utf8');
    assert.ok(!text.includes('_emscripten'), 'a page with a worker loads no engine');
    const here = program.replace("'vit_nano_patch16_224')", "'vit_nano_patch16_224', { worker: false })");
    await writeFile(join(folder, 'here.js'), here);
    await build({ entryPoints: [join(folder, 'here.js')], outdir: out, bundle: true, format: 'esm' });
    await writeFile(join(out, 'index.html'), `${page}<script type="module" src="here.js"></script>`);
    await assertWorks({ '/': out }, { worker: false });
  });

  test('a static folder with an import map', async () => {
    const out = join(folder, 'static');
    await mkdir(out);
    const map = JSON.stringify({ imports: { vitreous: './vitreous/index.js' } });
    await writeFile(join(out, 'app.js'), program);
    await writeFile(
      join(out, 'index.html'),
      `${page}<script type="importmap">${map}</script><script type="module" src="app.js"></script>`,
    );
    const hash = createHash('sha256').update(map).digest('base64');
    const csp = STRICT_CSP.replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`);
    await assertWorks({ '/vitreous/': join(installed, 'dist'), '/': out }, { csp });
  });

  test('its files elsewhere, with assetBase', async () => {
    const out = join(folder, 'elsewhere');
    await mkdir(out);
    const based = program.replace(
      "'vit_nano_patch16_224')",
      "'vit_nano_patch16_224', { assetBase: '/assets/v1' })",
    );
    await writeFile(join(folder, 'based.js'), based);
    await build({
      entryPoints: [join(folder, 'based.js')],
      outdir: out,
      bundle: true,
      format: 'esm',
      logLevel: 'error',
    });
    await writeFile(join(out, 'index.html'), `${page}<script type="module" src="based.js"></script>`);
    await assertWorks({ '/assets/v1/': join(installed, 'dist'), '/': out });
  });
});

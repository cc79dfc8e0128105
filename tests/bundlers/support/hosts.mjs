// The hosts: how a project is built there, and what has to be added for it.
import { ISOLATION } from '../../browser/support/site.mjs';

const html = ['cp', 'index.html', 'dist/'];

/** esbuild leaves `new URL('./file', import.meta.url)` as it is: the files must lie beside what it writes. */
const copyAssets =
  'cp node_modules/vitreous/dist/worker.js node_modules/vitreous/dist/{*.wasm,*.safetensors,imagenet-1k.txt} dist/';

const vite = (program, config = {}) => ({
  build: [[program, 'build']],
  dev: [program, '--port', '0'],
  devFiles: (isolated) => {
    const server = isolated ? { headers: ISOLATION } : {};
    return { 'vite.config.js': `export default ${JSON.stringify({ ...config, server })};\n` };
  },
});
const next = (...flags) => ({ project: 'next', build: [['.bin/next', 'build', ...flags]], out: 'out' });

/**
 * `package`: whose version is shown; `project`: of projects/, beside the app that all have; `build`: commands, tools by
 * their path in node_modules; `out`: the folder that is then served; `dev`: the development server; `devFiles`: its
 * configuration, isolated or not; `layout`: how the package is installed, of support/layouts.mjs; `add`: what has to be
 * done beside that.
 */
export const hosts = [
  { name: 'Vite', package: 'vite', ...vite('.bin/vite') },
  { name: 'Vite, pnpm', package: 'vite', layout: 'pnpm', ...vite('.bin/vite') },
  { name: 'Vite, hoisting workspace', package: 'vite', layout: 'workspace', ...vite('.bin/vite') },
  {
    name: 'webpack',
    package: 'webpack',
    build: [['.bin/webpack', '--mode', 'production', '--entry', './main.js'], html],
  },
  {
    name: 'Rollup',
    package: 'rollup',
    project: 'rollup',
    build: [['.bin/rollup', '-c'], html],
    add: '`@web/rollup-plugin-import-meta-assets`',
  },
  {
    name: 'esbuild',
    package: 'esbuild',
    build: [
      ['.bin/esbuild', 'main.js', '--bundle', '--format=esm', '--minify', '--outdir=dist'],
      html,
      ['bash', '-c', copyAssets],
    ],
    add: 'one `cp`, or `assetBase`',
  },
  { name: 'Parcel', package: 'parcel', build: [['.bin/parcel', 'build', 'index.html', '--no-cache']] },
  { name: 'Next.js, Turbopack', package: 'next', ...next() },
  { name: 'no bundler', project: 'static', build: [], out: '.', add: 'an import map' },
];

/** Those that only the full run tries, with the tools of full/package.json. */
export const olderHosts = [
  { name: 'Vite 7', package: 'vite7', ...vite('vite7/bin/vite.js') },
  { name: 'Vite 6', package: 'vite6', ...vite('vite6/bin/vite.js') },
  { name: 'Vite 5', package: 'vite5', ...vite('vite5/bin/vite.js') },
  {
    name: 'Vite 7, hoisting workspace',
    package: 'vite7',
    layout: 'workspace',
    ...vite('vite7/bin/vite.js', { optimizeDeps: { exclude: ['vitreous'] } }),
    add: '`optimizeDeps`, see below',
  },
  { name: 'Next.js 15, webpack', package: 'next', ...next() },
];

// dist/: the extension as the browser loads it: its files, the engine bundled, the package's own files beside that.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
cpSync('src', 'dist', { recursive: true });
cpSync('manifest.json', 'dist/manifest.json');
await build({
  entryPoints: ['src/engine.js'],
  outfile: 'dist/engine.js',
  allowOverwrite: true,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'chrome116',
});
// The engine, its variants and the packaged model; the threaded ones too, as the manifest makes the pages isolated.
const own = 'node_modules/vitreous/dist';
for (const file of readdirSync(own))
  if (/^worker\.js$|\.wasm$|\.safetensors$/.test(file)) cpSync(`${own}/${file}`, `dist/${file}`);

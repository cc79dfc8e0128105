// dist/: the extension as the browser loads it: its files, the engine bundled, the package's own files beside that.
import { cpSync, rmSync } from 'node:fs';
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
// The threaded variants as well: the manifest makes the extension's pages cross-origin isolated.
for (const file of ['worker.js', 'vit_nano_patch16_224.safetensors'])
  cpSync(`node_modules/vitreous/dist/${file}`, `dist/${file}`);
for (const variant of ['simd', 'relaxed', 'simd-mt', 'relaxed-mt'])
  cpSync(`node_modules/vitreous/dist/vitreous-${variant}.wasm`, `dist/vitreous-${variant}.wasm`);

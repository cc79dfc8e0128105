// The engines, each as it comes and with a feature taken away or brought; and what is to be expected of each.
import * as chromium from './chromium.mjs';
import * as firefox from './firefox.mjs';
import * as webkit from './webkit.mjs';

/**
 * `launch()` gives `{ version, open(), close() }`, `open()` a {@link Page}. `simd` is the variant without threads,
 * `shared` whether an isolated page has shared memory, `folder` where the package is, `sites` where it runs.
 */
export const engines = [
  {
    name: 'chromium',
    title: 'as it is',
    launch: () => chromium.launch(),
    simd: 'relaxed',
    shared: true,
  },
  {
    name: 'chromium-simd',
    title: 'with relaxed SIMD hidden',
    launch: () => chromium.launch(),
    simd: 'simd',
    shared: true,
    folder: './no-relaxed/',
  },
  {
    name: 'firefox',
    title: 'as it is',
    launch: () => firefox.launch(),
    simd: 'relaxed',
    shared: true,
  },
  {
    name: 'firefox-simd',
    title: 'with `javascript.options.wasm_relaxed_simd` off',
    launch: () => firefox.launch({ prefs: { 'javascript.options.wasm_relaxed_simd': false } }),
    simd: 'simd',
    shared: true,
  },
  {
    name: 'webkit',
    title: 'as it is',
    launch: () => webkit.launch(),
    simd: 'simd',
    shared: false,
  },
  {
    name: 'webkit-shared',
    title: 'with `JSC_useSharedArrayBuffer=1` `JSC_useWasmRelaxedSIMD=1`',
    launch: () => webkit.launch({ env: { JSC_useSharedArrayBuffer: '1', JSC_useWasmRelaxedSIMD: '1' } }),
    simd: 'simd', // it has relaxed SIMD but for the dot product
    shared: true,
    sites: ['isolated'],
  },
].map((engine) => ({ folder: './vitreous/', sites: ['isolated', 'plain'], ...engine }));

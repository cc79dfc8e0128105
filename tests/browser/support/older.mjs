// The package for a browser without a feature: it begins with a line that takes the feature away, where no flag does.
import { readdirSync, readFileSync } from 'node:fs';

const dist = new URL('../../../dist/', import.meta.url);

const without = {
  relaxed: `{
    const { validate } = WebAssembly;
    const isRelaxed = (bytes) => bytes.some((byte, i) => byte === 253 && bytes[i + 1] === 133 && bytes[i + 2] === 2);
    WebAssembly.validate = (bytes) => !isRelaxed(bytes) && validate(bytes);
  }`,
  webgl: `{
    const { getContext } = OffscreenCanvas.prototype;
    OffscreenCanvas.prototype.getContext = function (kind, ...rest) {
      return /webgl/.test(kind) ? null : getContext.call(this, kind, ...rest);
    };
  }`,
};

/**
 * The files of the package, for startSite, in the folder `no-FEATURE/`.
 * @param {'relaxed' | 'webgl'} feature relaxed SIMD, or WebGL
 */
export function packageWithout(feature) {
  const names = readdirSync(dist, { withFileTypes: true }).filter((entry) => entry.isFile());
  const entries = names.map(({ name }) => {
    const content = readFileSync(new URL(name, dist));
    const starts = ['index.js', 'worker.js'].includes(name);
    return [`no-${feature}/${name}`, starts ? `${without[feature]}\n${content}` : content];
  });
  return Object.fromEntries(entries);
}

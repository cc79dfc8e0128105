// Pixels → the model's input, by this library: timm's eval transform in wasm.
import { readFileSync, writeFileSync } from 'node:fs';
import { createTransform } from '../../dist/node.mjs';

export function load({ pixels, width, height, dataConfig }) {
  const image = { data: new Uint8Array(readFileSync(pixels)), width, height, channels: 4 };
  const transform = createTransform(dataConfig);
  let tensor;
  return {
    info: { threads: 1 },
    async run() {
      tensor = await transform(image);
    },
    save: (path) => writeFileSync(path, tensor.data),
  };
}

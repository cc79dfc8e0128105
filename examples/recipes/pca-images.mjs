// Patches of several photos in common colours, drawn in the terminal.
import { createModel } from 'vitreous';
import { pcaImages } from 'vitreous/recipes';
import { photos } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const names = ['cat', 'airplane', 'boats'];
const { rgb, explainedVarianceRatio } = await pcaImages(
  model,
  names.map((name) => photos[name]),
);
const [, height, width] = rgb.shape;
console.log(names.map((name) => name.padEnd(2 * width + 2)).join(''));
for (let y = 0; y < height; y++) {
  const cells = names.map((_, image) =>
    Array.from({ length: width }, (_, x) => {
      const [r, g, b] = rgb.data.subarray(3 * ((image * height + y) * width + x));
      return `\x1b[48;2;${r};${g};${b}m  `;
    }).join(''),
  );
  console.log(cells.join('\x1b[0m  '), '\x1b[0m');
}
const parts = Array.from(explainedVarianceRatio, (ratio) => `${(100 * ratio).toFixed(1)} %`);
console.log(`red, green, blue: ${parts.join(', ')} of the variance`);
model.dispose();

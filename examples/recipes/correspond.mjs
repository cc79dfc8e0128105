// Where in the photo is what its part shows?
import { createModel } from 'vitreous';
import { correspond, toImagePixels } from 'vitreous/recipes';
import { part } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const whole = await part('boats', {});
const [x, y] = [0.2, 0.1];
const cropped = await part('boats', { x, y, width: 0.75, height: 0.75 });

const pairs = await correspond(model, cropped, whole, { minScore: 0.5 });
const a = await toImagePixels(
  model,
  pairs.map((pair) => pair.a),
  cropped,
);
const b = await toImagePixels(
  model,
  pairs.map((pair) => pair.b),
  whole,
);
for (const [i, { score }] of pairs.slice(0, 10).entries()) {
  const text = ({ x, y }) => `(${x.toFixed(0)}, ${y.toFixed(0)})`;
  console.log(`${text(a[i])} in the part is ${text(b[i])} in the photo: ${score.toFixed(3)}`);
}
const median = (values) => values.sort((p, q) => p - q)[values.length >> 1];
const dx = median(a.map((point, i) => b[i].x - point.x));
const dy = median(a.map((point, i) => b[i].y - point.y));
console.log(`${pairs.length} pairs; the part lies ${dx.toFixed(0)}, ${dy.toFixed(0)} pixels into the photo`);
console.log(`(it was cut at ${(x * whole.width).toFixed(0)}, ${(y * whole.height).toFixed(0)})`);
model.dispose();

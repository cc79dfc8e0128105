// A classifier trained on a handful of labelled pictures: taken by people, or from nature?
import { createModel } from 'vitreous';
import { LinearProbe } from 'vitreous/recipes';
import { part } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const kinds = { airplane: 'made', house: 'made', boats: 'made', flower: 'grown', cat: 'grown' };
const corner = (x, y) => ({ x, y, width: 0.7, height: 0.7 });
const images = [];
const labels = [];
for (const [name, kind] of Object.entries(kinds)) {
  for (const place of [corner(0, 0), corner(0.3, 0), corner(0, 0.3)]) {
    images.push(await part(name, place));
    labels.push(kind);
  }
}

const probe = await LinearProbe.fit(model, images, labels, {
  onProgress: (p) => p.stage === 'fit' && console.log(`${p.loaded} steps, loss ${p.loss.toFixed(4)}`),
});
for (const [name, kind] of Object.entries(kinds)) {
  const [best] = await probe.predict(await part(name, corner(0.3, 0.3)));
  console.log(`${name} (${kind}): ${best.label}, ${(100 * best.probability).toFixed(0)} %`);
}
console.log(`saved in ${probe.save().length} bytes`);
model.dispose();

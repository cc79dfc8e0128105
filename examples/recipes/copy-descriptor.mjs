// Is this a copy? Descriptors of photos against a cropped part of each.
import { createModel } from 'vitreous';
import { copyDescriptor, PcaWhitening } from 'vitreous/recipes';
import { part, photos } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const names = Object.keys(photos);
const whole = Object.values(photos);
const cropped = await Promise.all(
  names.map((name) => part(name, { x: 0.1, y: 0.1, width: 0.8, height: 0.8 })),
);
// A whitening should see many other photos; here these must do.
const raw = await copyDescriptor(model, whole, { normalize: false });
const whitening = await PcaWhitening.fit(model, raw, { dim: 4, centered: true });
// Or learned from copies that were edited alike, here cropped elsewhere.
const regions = [
  { x: 0, y: 0, width: 0.8, height: 0.8 },
  { x: 0.3, y: 0.2, width: 0.7, height: 0.7 },
];
const practice = await Promise.all(regions.flatMap((region) => names.map((name) => part(name, region))));
const learned = await PcaWhitening.fitCopies(
  model,
  raw,
  await copyDescriptor(model, practice, { normalize: false }),
  { dim: 4, shrinkage: 0.1 },
);

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
for (const [title, options] of [
  ['plain', {}],
  ['whitened', { whitening }],
  ['learned', { whitening: learned }],
]) {
  const database = await copyDescriptor(model, whole, options);
  const queries = await copyDescriptor(model, cropped, options);
  console.log(title);
  for (const [i, query] of queries.entries()) {
    const scores = database.map((descriptor) => dot(query, descriptor));
    const best = scores.indexOf(Math.max(...scores));
    console.log(`  part of ${names[i]}: copy of ${names[best]}, ${scores[best].toFixed(3)}`);
  }
}
model.dispose();

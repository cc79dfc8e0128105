// Which photo is this a part of? A k-NN classifier that learns one class after the other.
import { createModel } from 'vitreous';
import { KnnClassifier } from 'vitreous/recipes';
import { part, photos } from './photos.mjs';

const model = await createModel('vit_nano_patch16_224');
const knn = new KnnClassifier(model, { k: 2 });
for (const name of Object.keys(photos)) {
  const whole = photos[name];
  const middle = await part(name, { x: 0.1, y: 0.1, width: 0.8, height: 0.8 });
  await knn.add([whole, middle], [name, name]);
}

let right = 0;
for (const name of Object.keys(photos)) {
  const [best] = await knn.predict(await part(name, { width: 0.75, height: 0.75 }));
  console.log(`${name}: ${best.label}, ${(100 * best.probability).toFixed(0)} %`);
  if (best.label === name) right++;
}
console.log(`${right} of ${Object.keys(photos).length} right; leave one out: ${await knn.leaveOneOut()}`);

const bytes = await knn.save();
const again = await KnnClassifier.load(model, bytes);
console.log(
  `saved in ${bytes.length} bytes, loaded with ${again.size} embeddings of ${again.classes.join(', ')}`,
);
model.dispose();

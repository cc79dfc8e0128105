// The same in a program: node app.mjs PHOTOS.json THREADS INDEX, the photos as [{ name, width, height, channels, file }].
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createModel } from 'vitreous';
import { KnnClassifier } from 'vitreous/recipes';
import { ImageIndex } from 'vitreous/search';

const [list, threads, path] = process.argv.slice(2);
const photos = JSON.parse(readFileSync(list, 'utf8'));
const images = photos.map(({ file, ...photo }) => ({ ...photo, data: new Uint8Array(readFileSync(file)) }));

const model = await createModel('vit_nano_patch16_224', { threads: Number(threads) });
const embeddings = await model.embed(images);

const written = await ImageIndex.open({ path, model });
await written.add(images.map((image, i) => ({ id: photos[i].name, image })));
await written.close();
const index = await ImageIndex.open({ path, model });
const results = await index.search(images[0], { k: images.length });
await index.close();

const knn = new KnnClassifier(model, { k: 1 });
await knn.add(
  embeddings,
  photos.map(({ name }) => name),
);
const [{ label }] = await knn.predict(images[0]);
knn.dispose();

const { variant, threads: started, threadsReason } = model.info;
model.dispose();
console.log(
  JSON.stringify({
    variant,
    threads: started,
    threadsReason,
    embeddings: embeddings.map((embedding) => Array.from(embedding)),
    results,
    label,
  }),
);

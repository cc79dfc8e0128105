// What every project here does: it embeds photos, searches among them, tells which one a photo is, and embeds
// once more without a worker.
import { createModel } from 'vitreous';
import { KnnClassifier } from 'vitreous/recipes';
import { ImageIndex } from 'vitreous/search';
import { PHOTOS } from './photos.js';

async function work() {
  const photos = PHOTOS.map((name) => `photos/${name}`);
  const model = await createModel('vit_nano_patch16_224');
  const embeddings = await model.embed(photos);

  const index = await ImageIndex.create({ model });
  await index.add(photos.map((image, i) => ({ id: PHOTOS[i], image })));
  const results = await index.search(photos[0], { k: photos.length });

  const knn = new KnnClassifier(model, { k: 1 });
  await knn.add(embeddings, PHOTOS);
  const [{ label }] = await knn.predict(photos[0]);

  const inPage = await createModel('vit_nano_patch16_224', { worker: false });
  const embeddingsInPage = await inPage.embed(photos);

  const { threads, worker } = model.info;
  return {
    threads,
    worker,
    inPage: {
      worker: inPage.info.worker,
      embeddings: embeddingsInPage.map((embedding) => Array.from(embedding)),
    },
    embeddings: embeddings.map((embedding) => Array.from(embedding)),
    results,
    label,
  };
}

/** What came out, as text. */
export const run = () =>
  work()
    .catch(({ code, message }) => ({ error: `${code}: ${message}` }))
    .then((result) => JSON.stringify(result));

// A Node program's use of the package.
import { readFile } from 'node:fs/promises';
import { createModel, type VisionTransformer } from 'vitreous';
import { exportIndex } from 'vitreous/export';
import { KnnClassifier } from 'vitreous/recipes';
import { ImageIndex, indexFolder } from 'vitreous/search';

using model: VisionTransformer = await createModel('vit_nano_patch16_224', {
  weights: await readFile('model.safetensors'),
});
const embedding: Float32Array = await model.embed(new URL('photo.jpg', import.meta.url));
console.log(embedding.length);

const index: ImageIndex = await ImageIndex.open({ path: 'photos.index', model });
await indexFolder(index, 'photos');
const [best] = await index.search('photo.jpg', { k: 1 });
for (const file of exportIndex(index, 'parquet')) console.log(file.name);
const knn = new KnnClassifier(model);
await knn.add('photo.jpg', 'boat');
console.log(best?.id, await knn.leaveOneOut());

// @ts-expect-error a program has no IndexedDB
await ImageIndex.open({ name: 'photos', model });

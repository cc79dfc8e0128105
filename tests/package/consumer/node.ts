// A Node program's use of the package.
import { readFile } from 'node:fs/promises';
import { createModel, type VisionTransformer } from 'vitreous';

using model: VisionTransformer = await createModel('vit_nano_patch16_224', {
  weights: await readFile('model.safetensors'),
});
const embedding: Float32Array = await model.embed(new URL('photo.jpg', import.meta.url));
console.log(embedding.length);

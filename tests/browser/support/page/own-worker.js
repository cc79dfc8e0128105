// A user's own worker with the package in it: the engine runs right here.
import { createModel } from './vitreous/index.js';

self.onmessage = async ({ data: images }) => {
  const model = await createModel('vit_nano_patch16_224');
  const embeddings = [];
  for (const image of images) embeddings.push(await model.embed(image));
  self.postMessage({ worker: model.info.worker, variant: model.info.variant, embeddings });
};

// A service worker with the package in it: it may load no script later, so the engine's is imported beforehand.
import './vitreous/worker.js';
import { createModel } from './vitreous/index.js';

self.onmessage = async ({ data: { image, port } }) => {
  try {
    const model = await createModel('vit_nano_patch16_224', { numClasses: 0 });
    port.postMessage({ worker: model.info.worker, embedding: await model.embed(image) });
  } catch ({ code, message }) {
    port.postMessage({ code, message });
  }
};

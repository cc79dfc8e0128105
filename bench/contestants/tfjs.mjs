// TensorFlow.js has no ViT to load: its matMul on the model's linear layers alone, each with its own weights, is a
// floor for what a model on it would take. In Node it has no threads.
import { createRequire } from 'node:module';
import { linearLayers } from '../vit.mjs';

const require = createRequire(import.meta.url); // its ES modules do not load in Node

export async function load({ config, threads }) {
  if (threads !== 1) throw new Error('TensorFlow.js has no threads in Node');
  const tf = require('@tensorflow/tfjs-core');
  const { version_wasm: version } = require('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  const layers = linearLayers(config).map(([rows, from, to]) => ({
    x: tf.randomNormal([rows, from]),
    w: tf.randomNormal([from, to]),
  }));
  return {
    info: { version, threads: 1 },
    // Kernels run when they are called. Results stay in wasm memory, as they would within a model.
    run() {
      for (const { x, w } of layers) tf.matMul(x, w).dispose();
    },
    /** The largest relative error of a few elements of the first product, against sums in float64. */
    check() {
      const [first] = layers;
      const [rows, from] = first.x.shape;
      const to = first.w.shape[1];
      const product = tf.matMul(first.x, first.w);
      const [x, w, y] = [first.x, first.w, product].map((tensor) => tensor.dataSync());
      const errors = [0, 1, rows - 1].map((row) => {
        const column = (row * 7) % to;
        let [sum, scale] = [0, 0];
        for (let k = 0; k < from; k++) {
          sum += x[row * from + k] * w[k * to + column];
          scale += Math.abs(x[row * from + k] * w[k * to + column]);
        }
        return Math.abs(y[row * to + column] - sum) / scale;
      });
      return Math.max(...errors);
    },
  };
}

// A process whose memory is watched: 500 embeddings, then models that come and go. Prints JSON.
import { setTimeout } from 'node:timers/promises';
import { createModel } from '../../../dist/node.mjs';

const NANO = 'vit_nano_patch16_224';

/** What the process holds when its garbage is gone. */
async function resident() {
  for (let i = 0; i < 3; i++) {
    gc();
    await setTimeout(20); // finalizers run between tasks
  }
  return process.memoryUsage().rss;
}

const photo = (seed) => ({
  data: Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * (7919 + seed)) % 251),
  width: 300,
  height: 200,
  channels: 3,
});
const photos = [photo(0), photo(1), photo(2)];

const model = await createModel(NANO, { threads: 1 });
const memory = [];
let before;
for (let i = 0; i < 500; i++) {
  await model.embed(photos[i % 3]);
  memory.push(await model.memoryBytes());
  if (i === 20) before = await resident();
}
const embeddings = (await resident()) - before;

before = await resident();
for (let i = 0; i < 10; i++) {
  const other = await createModel(NANO, { threads: 1 });
  await other.embed(photos[0]);
  other.dispose();
  await createModel(NANO, { weights: new Uint8Array(8).fill(255) }).catch(() => {});
}
process.stdout.write(JSON.stringify({ memory, rss: { embeddings, models: (await resident()) - before } }));

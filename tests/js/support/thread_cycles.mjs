// Engines with threads that come and go: what of them stays. Prints JSON; see threads.test.mjs.
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createModel } from '../../../dist/node.mjs';

const CYCLES = 100;
const photo = { data: new Uint8Array(32 * 32 * 3), width: 32, height: 32, channels: 3 };

async function left() {
  for (let i = 0; i < 5; i++) {
    gc();
    await setTimeout(50); // finalizers run, and threads end, between tasks
  }
  return { tasks: readdirSync('/proc/self/task').length, rss: process.memoryUsage().rss };
}

async function cycle(dispose) {
  const model = await createModel('vit_nano_patch16_224', { threads: 3 });
  await model.embed(photo);
  if (dispose) model.dispose();
}

for (let i = 0; i < 5; i++) await cycle(true);
const before = await left();
for (let i = 0; i < CYCLES; i++) await cycle(true);
const disposed = await left();
for (let i = 0; i < 5; i++) await cycle(false);
const forgotten = await left();
process.stdout.write(JSON.stringify({ before, disposed, forgotten }));

// A folder of photos into an index: one process with all threads, or several with one each.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { generatedSafetensors, vitTensors } from '../../tests/js/support/generated.mjs';
import { NANO } from '../lineup.mjs';
import { fixed, note, table, times } from '../report.mjs';
import { photoFiles } from '../setup.mjs';
import { median, timesOurs } from '../stats.mjs';

export const title = 'Indexing a folder';

const SMALL = 'vit_small_patch16_224.dino';
const PHOTOS = 240;
const ROUNDS = 3;

export async function run({ quick, threads, pace, wanted }) {
  const [{ createModel }, { ImageIndex, indexFolder }] = await Promise.all([
    import('../../dist/node.mjs'),
    import('../../dist/node-search.mjs'),
  ]);
  const scratch = mkdtempSync(join(tmpdir(), 'vitreous-bench-folder-'));
  try {
    const folder = join(scratch, 'photos');
    const count = quick ? 24 : PHOTOS;
    linkPhotos(folder, count);
    const weights = join(scratch, 'small.safetensors');
    const stream = generatedSafetensors(vitTensors({ dim: 384, depth: 12, patch: 16 }));
    await writeFile(weights, stream);
    const ways = [
      { name: `1 process, ${threads} threads`, processes: 1, threads },
      { name: `${threads} processes, 1 thread each`, processes: threads, threads: 1 },
    ].filter(({ name }) => wanted(name));

    const results = [];
    for (const [model, options] of [
      [NANO, {}],
      [SMALL, { weights, numClasses: 0 }],
    ]) {
      const seconds = ways.map(() => []);
      for (let round = 0; round < (quick ? 1 : Math.min(pace.rounds, ROUNDS)); round++) {
        for (const [i, { processes, threads }] of ways.entries()) {
          const own = await createModel(model, { ...options, threads });
          const index = await ImageIndex.create({ model: own });
          const start = performance.now();
          const { added } = await indexFolder(index, folder, { processes });
          seconds[i].push((performance.now() - start) / 1000);
          if (added !== count) throw new Error(`${added} of ${count} photos were indexed`);
          await index.close();
          own.dispose();
        }
      }
      for (const [i, { name }] of ways.entries())
        results.push({ model, name, seconds: seconds[i], timesOurs: timesOurs(seconds[i], seconds[0]) });
    }
    return { photos: count, results };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function linkPhotos(folder, count) {
  const photos = photoFiles();
  mkdirSync(folder);
  for (let i = 0; i < count; i++) {
    const photo = photos[Math.floor((i * photos.length) / count)];
    symlinkSync(photo, join(folder, `${i} ${basename(photo)}`));
  }
}

export function render({ photos, results }) {
  const columns = [
    ['model', ({ model }) => model],
    ['how', ({ name }) => name],
    ['s', ({ seconds }) => fixed(median(seconds), 1)],
    [
      's, lowest–highest round',
      ({ seconds }) => `${fixed(Math.min(...seconds), 1)}–${fixed(Math.max(...seconds), 1)}`,
    ],
    ['photos a second', ({ seconds }) => fixed(photos / median(seconds), 1)],
    ['× the first', (row) => times(row.timesOurs)],
  ];
  const intro =
    note(`${photos} photos from files into an index in memory, in turns. The time of the processes includes
    that of starting them and loading their models. ${SMALL} has generated weights.`);
  return `${intro}\n\n${table(columns, results)}`;
}

// What int8 costs in accuracy: the packaged, trained model on real photos, against timm in fp32.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAll } from '../children.mjs';
import { readFloats } from '../files.mjs';
import { NANO, onnxruntimeWeb, vitreous } from '../lineup.mjs';
import { fixed, note, percent, table } from '../report.mjs';
import { exportedModel, exportedPhotos } from '../setup.mjs';
import { cosine } from '../stats.mjs';

export const title = 'Accuracy of int8 on a trained model and real photos';

const NEAREST = 10;

export async function run(context) {
  const folder = await exportedModel(NANO, context.programs);
  const photos = await exportedPhotos(context.programs);
  const { files } = JSON.parse(readFileSync(join(photos, 'photos.json'), 'utf8'));
  const exported = { model: NANO, folder, threads: 1 };
  const contestants = [
    vitreous({ model: NANO, threads: 1 }, { dtype: 'fp32' }), // with the weights that ship
    vitreous({ model: NANO, threads: 1 }, { dtype: 'int8' }),
    vitreous({ model: NANO, threads: 1 }, { dtype: 'int8', relaxed: false }),
    onnxruntimeWeb(exported, { dtype: 'fp32' }),
    onnxruntimeWeb(exported, { dtype: 'int8' }),
    {
      ...onnxruntimeWeb(exported, { dtype: 'int8channel' }),
      name: 'onnxruntime-web int8, weights per channel',
    },
  ].filter(({ name }) => context.wanted(name));

  const reference = rowsOf(readFloats(join(photos, 'reference.f32')), files.length);
  const neighbours = nearest(reference);
  const { started, absent } = await startAll(contestants, context.programs);
  const output = mkdtempSync(join(tmpdir(), 'vitreous-bench-'));
  try {
    const rows = [];
    for (const { contestant, child } of started) {
      const path = join(output, 'embeddings.f32');
      await child.call('embedFile', join(photos, 'images.f32'), path);
      const embeddings = rowsOf(readFloats(path), files.length);
      rows.push({ name: contestant.name, ...fidelity(embeddings, reference, neighbours) });
    }
    const packages = files.map((file) => file.match(/@[^/]+\/[^/]+(?=\/(assets|data)\/)/)?.[0]);
    return { photos: files.length, packages: countEach(packages), rows, absent };
  } finally {
    rmSync(output, { recursive: true });
    for (const { child } of started) await child.stop();
  }
}

const rowsOf = (values, count) =>
  Array.from({ length: count }, (_, i) =>
    values.subarray((i * values.length) / count, ((i + 1) * values.length) / count),
  );

const countEach = (names) => {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};

/** For each embedding the numbers of its nearest others by cosine, nearest first. */
function nearest(embeddings) {
  return embeddings.map((query, i) =>
    embeddings
      .map((other, j) => ({ j, similarity: j === i ? -Infinity : cosine(query, other) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, NEAREST)
      .map(({ j }) => j),
  );
}

/** How well embeddings, and searching among them, agree with the reference. */
function fidelity(embeddings, reference, neighbours) {
  const cosines = embeddings.map((embedding, i) => cosine(embedding, reference[i]));
  const found = nearest(embeddings);
  const shared = found.map((list, i) => list.filter((j) => neighbours[i].includes(j)).length / NEAREST);
  const same = found.filter((list, i) => list[0] === neighbours[i][0]).length / found.length;
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    cosineMean: mean(cosines),
    cosineWorst: Math.min(...cosines),
    overlap: mean(shared),
    sameNearest: same,
  };
}

export function render({ photos, packages, rows, absent }) {
  const columns = [
    ['against timm fp32', ({ name }) => name],
    ['cosine, mean', ({ cosineMean }) => fixed(cosineMean, 6)],
    ['cosine, worst', ({ cosineWorst }) => fixed(cosineWorst, 6)],
    [`same ${NEAREST} nearest`, ({ overlap }) => percent(overlap, 1)],
    ['same nearest', ({ sameNearest }) => percent(sameNearest, 1)],
  ];
  const most = Object.entries(packages).sort(([, a], [, b]) => b - a)[0];
  const intro =
    note(`${NANO} on ${photos} different photographs, no crops or copies among them: ${most[1]} of foods and
    animals from the npm package ${most[0]}, ${photos - most[1]} from @stdlib's public-domain ones. Everyone gets the
    same normalised pixels, those of timm's transform. A photo's nearest are sought among all the others, by cosine.`);
  return [
    intro,
    table(columns, rows),
    ...absent.map(({ name, reason }) => `Without ${name}: ${reason}`),
  ].join('\n\n');
}

// npm start: sets up, builds, embeds the sample photos, and serves the demo.
//   npm start -- --once        ends instead of serving
//   npm start -- --port 9000
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPackage } from './build.mjs';
import { ensureSamples, readSamples, samplesDir } from './samples.mjs';
import { serve } from './serve.mjs';
import { root, setup } from './setup/index.mjs';
import { main, SetupError, say, step } from './setup/log.mjs';

const MODEL = 'vit_nano_patch16_224';
const NEIGHBOURS = 3;
const WARM_UP = 3;

const titleOf = ({ title, edit }) => (edit ? `${title}, ${edit}` : title);

/** Embeds every sample with the built package, as a user of it would. */
async function embedSamples(samples) {
  const { createModel } = await import('../dist/node.mjs');
  const model = await createModel(MODEL, { numClasses: 0 });
  const embed = (sample) => model.embed(join(samplesDir, sample.file), { normalize: true });
  for (const sample of samples.slice(0, WARM_UP)) await embed(sample);
  const embeddings = [];
  const times = [];
  for (const sample of samples) {
    const start = performance.now();
    embeddings.push(await embed(sample));
    times.push(performance.now() - start);
  }
  const { config, info } = model;
  model.dispose();
  return { embeddings, times, config, info };
}

/** For each photo the others, the most similar first. */
async function rankOthers(samples, embeddings) {
  const { cosineSimilarity } = await import('../dist/node.mjs');
  return samples.map((sample, i) =>
    samples
      .map((other, j) => ({ other, similarity: cosineSimilarity(embeddings[i], embeddings[j]) }))
      .filter(({ other }) => other !== sample)
      .sort((a, b) => b.similarity - a.similarity),
  );
}

/** The table: under each original its copies, and the three nearest neighbours of each. */
function printNeighbours(samples, ranked) {
  const isKin = (a, b) => (a.of ?? a.file) === (b.of ?? b.file);
  const rowName = (sample) => sample.edit ?? 'original';
  const cell = (sample, { other, similarity }) =>
    `${similarity.toFixed(3)} ${isKin(sample, other) ? rowName(other) : titleOf(other)}`;
  const rows = samples.map((sample, i) => ranked[i].slice(0, NEIGHBOURS).map((near) => cell(sample, near)));
  const nameWidth = Math.max(...samples.map((sample) => rowName(sample).length));
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));

  say(
    '\nEach photo’s nearest neighbours by cosine similarity; copies of the same photo by the name of the edit',
  );
  for (const [i, sample] of samples.entries()) {
    if (sample.edit === null) say(`\n${sample.title}`);
    const cells = rows[i].map((text, column) => text.padEnd(widths[column]));
    say(`  ${rowName(sample).padEnd(nameWidth)}   ${cells.join('   ')}`.trimEnd());
  }
  const found = samples.filter((sample, i) => isKin(sample, ranked[i][0].other)).length;
  say(`\nThe nearest neighbour is another copy of the same photo for ${found} of ${samples.length} photos.`);
}

function printSpeed(times, { config, info }) {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  const mean = times.reduce((a, b) => a + b, 0) / times.length;
  say(
    `${median.toFixed(1)} ms per image (median; mean ${mean.toFixed(1)}), decoding included, ` +
      `wasm variant: ${info.variant}, ${info.threads} thread${info.threads === 1 ? '' : 's'}`,
  );
  if (info.variant.startsWith('simd') && Number(process.versions.node.split('.')[0]) < 22) {
    say('  The faster relaxed SIMD variant needs Node 22 or newer; browsers have it without more ado.');
  }
  say(
    `Model: ${config.name}, ${(info.parameters / 1e6).toFixed(1)} M parameters, packaged. A small stand-in for trying ` +
      'things offline, not the\n  DINO model: k-NN accuracy 81.5 % on Imagenette val, 52.6 % on Caltech-101. ' +
      `See models/${MODEL}/DATASHEET.md`,
  );
}

await main(async () => {
  const { values } = parseArgs({
    options: { once: { type: 'boolean', default: false }, port: { type: 'string', default: '8080' } },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new SetupError(`--port takes a number from 0 to 65535, not '${values.port}'.`);
  }
  await buildPackage(await setup());
  await step('Make the sample photos', ensureSamples);
  const samples = readSamples();
  const result = await step(`Embed ${samples.length} sample photos`, () => embedSamples(samples));
  printNeighbours(samples, await rankOthers(samples, result.embeddings));
  printSpeed(result.times, result);
  if (values.once) return;
  const { url } = await serve({ root: join(root, 'build/demo'), port });
  say(`\nThe demo is at ${url}   (Ctrl+C ends it)`);
});

// How the forward grows: with the batch, the model, the size of the image, the threads.
import { statSync } from 'node:fs';
import { say } from '../../scripts/setup/log.mjs';
import { checkAgainstTimm, compare } from '../compare.mjs';
import { FULL, NANO, onnxruntimeWeb, threadCounts, vitreous } from '../lineup.mjs';
import { bytes, fixed, note, table, times } from '../report.mjs';
import { exportedModel } from '../setup.mjs';
import { median } from '../stats.mjs';
import { cost, MODELS } from '../vit.mjs';

export const title = 'Scaling';

const BATCHES = [1, 2, 4, 8, 16];
const SIZES = [224, 336, 448, 560, 672];

export async function run(context) {
  const short = {
    ...context,
    pace: { ...context.pace, rounds: Math.ceil(context.pace.rounds / 3), runs: 1, warmUp: 2 },
  };
  const folder = await exportedModel(FULL, context.programs);
  const full = { model: FULL, folder };
  const parts = { threads: byThreads, batch: byBatch, model: byModel, size: bySize };
  const result = { most: context.threads };
  for (const [name, part] of Object.entries(parts)) {
    say(`      by ${name}`);
    result[name] = await part(short, full);
  }
  return result;
}

/** The library and the nearest peer, both dtypes. */
const lineup = (model, options) => [
  ...['fp32', 'int8'].map((dtype) => vitreous(model, { dtype, ...options })),
  ...['fp32', 'int8'].map((dtype) => onnxruntimeWeb(model, { dtype, ...options })),
];

/** Compares those that are wanted; what is kept of each, with `about` added. */
async function measure(context, contestants, about = {}, options = {}) {
  const { rows } = await compare(
    context,
    contestants.filter(({ name }) => context.wanted(name)),
    options,
  );
  return rows.map(({ name, threads, ms, loadMs, resources, maxError, cores }) => ({
    ...about,
    name,
    threads,
    ms: median(ms),
    loadMs,
    peakBytes: resources.peakBytes,
    maxError,
    cores,
  }));
}

const byThreads = (context, full) =>
  measure(
    context,
    threadCounts(context.threads).flatMap((threads) => lineup(full, { threads })),
  );

async function byBatch(context, full) {
  const contestants = lineup(full, { threads: context.threads });
  const results = [];
  for (const batch of context.quick ? BATCHES.slice(0, 2) : BATCHES) {
    results.push(...(await measure(context, contestants, { batch }, { prepare: [batch] })));
  }
  return results;
}

async function byModel(context) {
  const names = Object.keys(MODELS);
  const results = [];
  for (const model of context.quick ? names.slice(0, 2) : names) {
    const folder = await exportedModel(model, context.programs);
    const contestants = lineup({ model, folder }, { threads: context.threads });
    if (model === NANO) {
      // The weights that ship with the package; their export is for the peer.
      for (const { kind, options } of contestants) if (kind === 'ours') options.folder = undefined;
    }
    const fileBytes = statSync(`${folder}/onnx/model.onnx`).size;
    const about = { model, fileBytes, ...cost(MODELS[model]) };
    results.push(...(await measure(context, contestants, about, { check: checkAgainstTimm })));
  }
  return results;
}

async function bySize(context, full) {
  const results = [];
  for (const imgSize of context.quick ? SIZES.slice(0, 2) : SIZES) {
    const contestants = ['fp32', 'int8'].map((dtype) =>
      vitreous(full, { dtype, threads: context.threads, imgSize }),
    );
    const about = { imgSize, ...cost({ ...MODELS[FULL], imageHeight: imgSize, imageWidth: imgSize }) };
    results.push(...(await measure(context, contestants, about)));
  }
  return results;
}

/** Rows of one table, one for each value of `key`, and its columns, one for each contestant. */
function pivot(results, key) {
  const names = [...new Set(results.map(({ name }) => name))];
  const rows = [...new Set(results.map((result) => result[key]))].map((value) => {
    const group = results.filter((result) => result[key] === value);
    return { ...group[0], of: Object.fromEntries(group.map((result) => [result.name, result])) };
  });
  const columns = (cell, suffix) =>
    names.map((name) => [`${name}${suffix}`, ({ of }) => (of[name] ? cell(of[name]) : '')]);
  return { rows, columns };
}

export function render({ most, threads, batch, model, size }) {
  const byThread = pivot(threads, 'threads');
  const byBatch = pivot(batch, 'batch');
  const byModel = pivot(model, 'model');
  const bySize = pivot(size, 'imgSize');
  const ms = ({ ms }) => fixed(ms);
  const single = (name) => threads.find((result) => result.name === name && result.threads === 1)?.ms;
  const speed = ({ name, ms }) => `${fixed(ms)} ms${single(name) ? `, ${times(single(name) / ms)}` : ''}`;
  const tables = {
    'Threads: ViT-B/16, one image': table(
      [['threads', (row) => String(row.threads)], ...byThread.columns(speed, '')],
      byThread.rows,
    ),
    [`Batch: ViT-B/16, milliseconds an image, threads: ${most}`]: table(
      [
        ['batch', (row) => String(row.batch)],
        ...byBatch.columns((one) => fixed(one.ms / one.batch), ''),
        ...byBatch.columns((one) => bytes(one.peakBytes), ', memory'),
      ],
      byBatch.rows,
    ),
    [`Models: one image, threads: ${most}`]: table(
      [
        ['model', (row) => row.model],
        ['tokens', (row) => fixed(row.tokens)],
        ['GMACs', (row) => fixed(row.macs / 1e9, 2)],
        ['fp32 file', (row) => bytes(row.fileBytes)],
        ...byModel.columns(ms, ', ms'),
        ...byModel.columns((one) => bytes(one.peakBytes), ', memory'),
        ...byModel.columns((one) => one.maxError.toExponential(1), ', error'),
      ],
      byModel.rows,
    ),
    [`Image size: ViT-B/16, one image, threads: ${most}`]: table(
      [
        ['pixels', (row) => `${row.imgSize} × ${row.imgSize}`],
        ['tokens', (row) => fixed(row.tokens)],
        ['GMACs', (row) => fixed(row.macs / 1e9, 2)],
        ...bySize.columns(ms, ', ms'),
        ...bySize.columns((one) => bytes(one.peakBytes), ', memory'),
      ],
      bySize.rows,
    ),
  };
  const intro =
    note(`Generated weights, except for ${NANO}: they take the same time. Memory: the most that the process
    ever held. Error: the largest of an embedding against timm's in fp32.`);
  return [intro, ...Object.entries(tables).flatMap(([heading, text]) => [`### ${heading}`, text])].join(
    '\n\n',
  );
}

// The whole forward of ViT-B/16, one image: normalised pixels in, embedding out.
import { checkAgainstTimm, compare } from '../compare.mjs';
import { everyone, FULL, peak } from '../lineup.mjs';
import { bytes, fixed, gigaFlops, note, percent, table, times } from '../report.mjs';
import { exportedModel } from '../setup.mjs';
import { median, timesOurs } from '../stats.mjs';
import { cost, MODELS } from '../vit.mjs';

export const title = 'Whole forward of ViT-B/16, one image';

const config = MODELS[FULL];

export async function run(context) {
  const folder = await exportedModel(FULL, context.programs);
  const passes = [];
  // A thread count at a time: contestants are compared with the same, and not all need fit in memory together.
  for (const threads of context.threads === 1 ? [1] : [1, context.threads]) {
    const contestants = everyone({ model: FULL, folder, config }, threads).filter(({ name }) =>
      context.wanted(name),
    );
    passes.push({ threads, ...(await measure(context, contestants, threads)) });
  }
  return { model: FULL, ...cost(config), passes };
}

async function measure(context, contestants, threads) {
  const everything = [...contestants, peak(context, threads)];
  const check = async (one) => (one.contestant.kind === 'peak' ? {} : checkAgainstTimm(one));
  const { rows, absent } = await compare(context, everything, { check });
  const peaks = rows.find(({ kind }) => kind === 'peak').values;
  const ours = (dtype) => rows.find(({ name }) => name === `vitreous ${dtype}`);
  const { macs } = cost(config);
  for (const row of rows.filter(({ kind }) => kind !== 'peak')) {
    row.timesOurs = Object.fromEntries(
      ['fp32', 'int8'].filter(ours).map((dtype) => [dtype, timesOurs(row.ms, ours(dtype).ms)]),
    );
    // Of the fused multiply-add, or of the integer product that every engine has.
    const kernel = row.dtype === 'fp32' ? 'relaxed_madd' : 'dot_i16x8';
    row.shareOfPeak = median(row.ms.map((ms, round) => gigaFlops(macs, ms) / peaks[round][kernel]));
  }
  return {
    rows: rows.filter(({ kind }) => kind !== 'peak').map(({ values, ...row }) => row),
    peaks: Object.fromEntries(Object.keys(peaks[0]).map((name) => [name, median(peaks.map((p) => p[name]))])),
    absent,
  };
}

export function render({ macs, tokens, passes }) {
  const parts = passes.map(({ threads, rows, peaks, absent }) => {
    const columns = [
      ['', ({ name }) => name],
      ['ms', ({ ms }) => fixed(median(ms))],
      ['ms, lowest–highest round', ({ ms }) => `${fixed(Math.min(...ms))}–${fixed(Math.max(...ms))}`],
      ['× vitreous fp32', ({ timesOurs }) => times(timesOurs.fp32)],
      ['× vitreous int8', ({ timesOurs }) => times(timesOurs.int8)],
      [
        'of the wasm peak',
        ({ kind, shareOfPeak }) => (kind === 'native' || kind === 'floor' ? '' : percent(shareOfPeak)),
      ],
      ['load', ({ loadMs, method }) => (method ? '' : `${fixed(loadMs / 1000, 2)} s`)],
      ['peak memory', ({ resources, method }) => (method ? '' : bytes(resources.peakBytes))],
      [
        'wasm',
        ({ resources, method }) => (method || !resources.wasmBytes ? '' : bytes(resources.wasmBytes, 2)),
      ],
      ['largest error', (row) => row.maxError?.toExponential(1) ?? ''],
      ['cosine', (row) => fixed(row.cosine, 6)],
      ['cores busy', ({ cores }) => fixed(cores, 2)],
    ];
    return [
      `### ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      table(columns, rows),
      `Wasm peaks measured between the rounds: ${peakLine(peaks)}.`,
      ...absent.map(({ name, reason }) => `Without ${name}: ${reason}`),
    ].join('\n\n');
  });
  const intro =
    note(`${tokens} tokens, ${fixed(macs / 1e9, 2)} GMACs. Everyone gets the same normalised pixels.
    × vitreous: how many times longer it takes, the median of the ratios of each round. Of the wasm peak: 2 × GMACs of
    the whole model a second, over the measured rate of f32x4.relaxed_madd (fp32) or i32x4.dot_i16x8 + add (int8).
    "All tokens" computes every token's output up to the final norm; what is not needed for the embedding may be left
    out otherwise. Load: from a local file to the first embedding, the library's own loading included. Peak memory: of
    the whole process. Error and cosine: embeddings of two images against timm's in fp32. TensorFlow.js computes the
    linear layers only. Cores busy: CPU time a second, which shows how many threads really ran.`);
  return [intro, ...parts].join('\n\n');
}

function peakLine(peaks) {
  return [
    `f32x4.relaxed_madd ${fixed(peaks.relaxed_madd, 1)} GFLOP/s`,
    `f32x4.mul + add ${fixed(peaks.mul_add, 1)} GFLOP/s`,
    `i32x4.dot_i16x8 + add ${fixed(peaks.dot_i16x8, 1)} GOP/s`,
    `i32x4.relaxed_dot_i8x16_i7x16_add ${fixed(peaks.relaxed_dot, 1)} GOP/s`,
    `reading memory ${fixed(peaks.memory, 1)} GB/s`,
  ].join(', ');
}

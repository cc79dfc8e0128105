// Where the time of a forward goes, stage by stage, beside the wasm peak of the same run.
import { compare } from '../compare.mjs';
import { FULL, peak, vitreous } from '../lineup.mjs';
import { fixed, gigaFlops, note, percent, table } from '../report.mjs';
import { exportedModel } from '../setup.mjs';
import { median } from '../stats.mjs';
import { MODELS, stageCost } from '../vit.mjs';

export const title = 'Profile of ViT-B/16, one image, its embedding';

const KERNEL = { fp32: 'relaxed_madd', int8: 'dot_i16x8' };
const LINEAR = ['patch_embed', 'qkv', 'proj', 'fc1+gelu', 'fc2'];

export async function run(context) {
  const folder = await exportedModel(FULL, context.programs);
  const passes = [];
  for (const threads of context.threads === 1 ? [1] : [1, context.threads]) {
    const contestants = Object.keys(KERNEL)
      .map((dtype) => vitreous({ model: FULL, folder }, { dtype, threads }))
      .filter(({ name }) => context.wanted(name))
      .map((contestant) => ({ ...contestant, also: [{ name: contestant.name, method: 'stages' }] }));
    const { rows } = await compare(context, [...contestants, peak(context, threads)]);
    const peaks = rows.find(({ kind }) => kind === 'peak').values;
    for (const row of rows.filter(({ method }) => method === 'stages')) {
      const rates = peaks.map((rate) => rate[KERNEL[row.dtype]]);
      passes.push({ threads, dtype: row.dtype, ...summary(row.values, rates) });
    }
  }
  return { model: FULL, passes };
}

/** @param {Record<string, number>[]} rounds milliseconds of each stage @param {number[]} rates the peak, by round */
function summary(rounds, rates) {
  const middle = (value) => median(rounds.map(value));
  const sum = (stages, names) => names.reduce((total, name) => total + stages[name], 0);
  const cost = stageCost(MODELS[FULL]);
  const share = (macs, ms) => median(rounds.map((stages, i) => gigaFlops(macs, ms(stages)) / rates[i]));
  // fc1 and fc2 have the same size: what the first takes more is its GELU.
  const gelu = (stages) => Math.max(0, stages['fc1+gelu'] - stages.fc2);
  const linear = (stages) => sum(stages, LINEAR) - gelu(stages);
  const whole = (stages) => sum(stages, Object.keys(stages));
  const stages = Object.keys(rounds[0]).map((name) => ({
    name,
    macs: cost[name],
    ms: middle((one) => one[name]),
    share: cost[name] && share(cost[name], (one) => one[name]),
  }));
  const linearMacs = sum(cost, LINEAR);
  return {
    stages,
    totals: [
      { name: 'linear layers', macs: linearMacs, ms: middle(linear), share: share(linearMacs, linear) },
      { name: 'everything else', ms: middle((one) => whole(one) - linear(one)) },
      {
        name: 'whole forward',
        macs: sum(cost, Object.keys(cost)),
        ms: middle(whole),
        share: share(sum(cost, Object.keys(cost)), whole),
      },
    ],
  };
}

export function render({ passes }) {
  const names = [...passes[0].stages, ...passes[0].totals].map(({ name }) => name);
  const rows = names.map((name) => ({
    name,
    of: passes.map(({ stages, totals }) => [...stages, ...totals].find((row) => row.name === name)),
  }));
  const columns = [
    ['stage', ({ name }) => name],
    ['GMACs', ({ of: [{ macs }] }) => (macs ? fixed(macs / 1e9, 2) : '')],
    ...passes.flatMap(({ dtype, threads }, i) => [
      [`${dtype}, threads: ${threads}, ms`, ({ of }) => fixed(of[i].ms, 1)],
      ['of the peak', ({ of }) => percent(of[i].share)],
    ]),
  ];
  const intro =
    note(`Milliseconds, weights cold in the cache as in every forward. Of the peak: 2 × GMACs a second over the rate
    of f32x4.relaxed_madd (fp32) or i32x4.dot_i16x8 + add (int8) measured in the same round. The attention products are
    float32 always. fc1 and fc2 are of the same size: what fc1+gelu takes more is counted as GELU, not as linear layer.
    norm has the quantization of what it gives, attention and fc1+gelu that of theirs. The last block computes the CLS
    token only.`);
  return `${intro}\n\n${table(columns, rows)}`;
}

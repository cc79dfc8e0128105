// The ten nearest of many vectors, one query at a time, one thread.
import { join } from 'node:path';
import { cacheDir, makeOnce } from '../../scripts/setup/cache.mjs';
import { step } from '../../scripts/setup/log.mjs';
import { compare } from '../compare.mjs';
import { bytes, fixed, note, percent, table, times } from '../report.mjs';
import { median, timesOurs } from '../stats.mjs';
import { writeVectors } from '../vectors.mjs';

export const title = 'Search';

const DATA = { rows: 100_000, queries: 200, dim: 768, k: 10 };
const QUICK = { ...DATA, rows: 5_000, queries: 40 };
const SLOW_QUERIES = 10; // whose recall is measured where all of them would take minutes
const FIRST = 'vitreous fp32';

export async function run(context) {
  const data = context.quick ? QUICK : DATA;
  const name = `vectors-${data.rows}x${data.dim}-${data.queries}`;
  const folder = await makeOnce(join(cacheDir(), 'bench', name), (target) =>
    step(`Make ${data.rows} vectors and find their neighbours`, () => writeVectors(target, data)),
  );
  const lists = Math.round(Math.sqrt(data.rows));
  const one = (name, engine, more = {}) => ({
    name,
    kind: engine === 'vitreous' ? 'ours' : 'peer',
    module: 'search',
    options: { engine, folder, threads: 1, dim: data.dim, k: data.k, rows: data.rows, ...more },
  });
  const contestants = [
    one(FIRST, 'vitreous', { storage: 'fp32' }),
    one('vitreous int8', 'vitreous', { storage: 'int8' }),
    one('vitreous binary', 'vitreous', { storage: 'binary' }),
    one(`vitreous fp32, ${lists} lists`, 'vitreous', { storage: 'fp32', lists }),
    one('limit: memory read in wasm', 'bandwidth', { wasm: context.peakWasm.simd }),
    one('JavaScript loop', 'loop'),
    one('hnswlib-wasm', 'hnswlib-wasm'),
    one('client-vector-search', 'client-vector-search'),
  ].filter(({ name }) => context.wanted(name));
  const check = async ({ contestant, child }) => {
    const { engine } = contestant.options;
    if (engine === 'bandwidth') return {};
    const count = engine === 'client-vector-search' ? SLOW_QUERIES : data.queries;
    return { recall: (await child.call('recall', count)).value };
  };
  const { rows, absent } = await compare(context, contestants, { check });
  const ms = ({ ms, info }) => ms.map((value) => value * (info.scale ?? 1));
  const first = rows.find(({ name }) => name === FIRST);
  return {
    data,
    absent,
    results: rows.map((row) => ({
      name: row.name,
      ms: ms(row),
      timesOurs: first && timesOurs(ms(row), ms(first)),
      recall: row.recall,
      ...row.info,
    })),
  };
}

export function render({ data: { rows, dim, k, queries }, results }) {
  const columns = [
    ['one thread', ({ name, tuned }) => (tuned ? `${name}, ${tuned}` : name)],
    ['ms a query', ({ ms }) => fixed(median(ms), 2)],
    ['ms, lowest–highest round', ({ ms }) => `${fixed(Math.min(...ms), 2)}–${fixed(Math.max(...ms), 2)}`],
    ['× vitreous fp32', (row) => times(row.timesOurs)],
    [`recall@${k}`, ({ recall }) => percent(recall, 1)],
    ['memory', (row) => (row.bytes === undefined ? '' : bytes(row.bytes))],
    ['build, s', ({ buildMs }) => (buildMs === undefined ? '' : fixed(buildMs / 1000, 1))],
  ];
  const intro =
    note(`The ${k} nearest of ${rows} vectors of ${dim} numbers by cosine, one query at a time. Vectors in clusters, as
    embeddings are. Recall against neighbours in float64, over ${queries / 2} queries; hnswlib-wasm looks as far as it must
    for 99 % (of others). Memory: what the process grew by. int8 and binary keep the floats too, for the last candidates.
    The limit is the time to read the floats once.`);
  return `${intro}\n\n${table(columns, results)}`;
}

// Nearest neighbours among vectors in memory: `load` builds an index, `run` asks it one query after the other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readFloats } from '../files.mjs';
import { nearest, normsOf } from '../vectors.mjs';

const BATCH = 1000;
const RECALL = 0.99;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** Each: (rows, dim, options) → { search(query) → row numbers, and `tune`, with which it is made to find enough }. */
const engines = {
  async vitreous(rows, { dim, storage, lists }) {
    const { ImageIndex } = await import('../../dist/node-search.mjs');
    const index = await ImageIndex.create({ dim, storage, threads: 1, approximate: lists ? 'auto' : false });
    const count = rows.length / dim;
    for (let first = 0; first < count; first += BATCH) {
      const some = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => ({
        id: String(first + i),
        vector: rows.subarray((first + i) * dim, (first + i + 1) * dim),
      }));
      await index.add(some);
    }
    if (lists) await index.train({ lists });
    return { search: async (query, k) => (await index.search(query, { k })).map(({ id }) => Number(id)) };
  },

  async 'hnswlib-wasm'(rows, { dim }) {
    // It is compiled for browsers only, and asks whether this is one.
    Object.assign(globalThis, { window: globalThis, document: {}, indexedDB: { open: () => ({}) } });
    const { loadHnswlib } = await import('hnswlib-wasm/dist/hnswlib.js');
    const { HierarchicalNSW } = await loadHnswlib();
    const index = new HierarchicalNSW('cosine', dim, '');
    const count = rows.length / dim;
    index.initIndex(count, 16, 200, 100); // M and efConstruction as hnswlib has them by default
    for (let row = 0; row < count; row++)
      index.addPoint(rows.subarray(row * dim, (row + 1) * dim), row, false);
    return {
      search: (query, k) => index.searchKnn(query, k, undefined).neighbors,
      async tune(recall) {
        for (let ef = 10; ef <= 1280; ef *= 2) {
          index.setEfSearch(ef);
          if ((await recall()) >= RECALL) return `ef ${ef}`;
        }
        return 'ef 1280';
      },
    };
  },

  async 'client-vector-search'(rows, { dim }) {
    const { EmbeddingIndex } = await import('client-vector-search');
    const index = new EmbeddingIndex();
    for (let row = 0; row < rows.length / dim; row++) {
      index.add({ id: row, embedding: Array.from(rows.subarray(row * dim, (row + 1) * dim)) });
    }
    return {
      search: async (query, k) => {
        const found = await index.search(Array.from(query), { topK: k });
        return found.map(({ object }) => object.id);
      },
    };
  },

  async loop(rows, { dim }) {
    const own = rows.slice();
    const norms = normsOf(own, dim);
    return { search: (query, k) => nearest(own, norms, query, k) };
  },
};

export async function load({ engine, folder, ...options }) {
  if (engine === 'bandwidth') return bandwidth(options);
  const { dim, k } = options;
  const queries = readFloats(join(folder, 'queries.f32'));
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  const query = (i) => queries.subarray(i * dim, (i + 1) * dim);
  gc();
  const before = process.memoryUsage().rss;
  let rows = readFloats(join(folder, 'rows.f32'));
  const start = performance.now();
  const { search, tune } = await engines[engine](rows, options);
  const buildMs = performance.now() - start;
  rows = undefined;
  gc();
  const bytes = process.memoryUsage().rss - before;

  // The first half of the queries to tune with, the second to measure with.
  const half = truth.length / 2;
  const recall = async (first, count) => {
    let found = 0;
    for (let i = first; i < first + count; i++) {
      const rowsFound = await search(query(i), k);
      found += truth[i].filter((row) => rowsFound.includes(row)).length;
    }
    return found / (count * k);
  };
  const tuned = await tune?.(() => recall(0, half));
  let next = half;
  return {
    info: { buildMs, bytes, tuned },
    async run() {
      await search(query(next), k);
      next = next + 1 < truth.length ? next + 1 : half;
    },
    recall: (count) => recall(half, Math.min(count, half)),
  };
}

/** Reads memory, a sum of vectors in wasm, as fast as one thread can: what no exact search over floats can beat. */
function bandwidth({ wasm, rows, dim }) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)));
  exports._initialize();
  exports.fill();
  return { info: { scale: (4 * rows * dim) / exports.sum_bytes() }, run: () => void exports.sum() };
}

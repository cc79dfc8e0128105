// A picture of an index: each entry a point of the plane, near ones near each other.
import { compute, make } from '../engine/calls.js';
import { throwIfAborted } from '../errors.js';
import type { Tensor } from '../types.js';
import { checkCosine, checkWhole, cosineDistance } from './groups.js';
import { neighbours, type ScanOptions, type ScanProgress } from './neighbours.js';
import { invalid } from './query.js';
import type { Rows } from './rows.js';

/** Entries that go to the engine in one call. */
const AT_ONCE = 1024;
/** UMAP works so long before the page gets a turn. */
const TURN_MS = 10;
const NEIGHBOURS = 15;

/** What is used of umap-js's `UMAP`. */
export interface Umap {
  /** Takes the nearest neighbours. */
  setPrecomputedKNN(indices: number[][], distances: number[][]): void;
  /** Begins; returns how many steps there will be. */
  initializeFit(X: number[][]): number;
  /** One step of the optimisation. */
  step(): number;
  /** The points. */
  getEmbedding(): number[][];
}
/** The class `UMAP` of umap-js, as far as it is used. */
export type UmapConstructor = new (parameters: {
  nComponents: number;
  nNeighbors: number;
  minDist: number;
  random: () => number;
}) => Umap;

/** Options of {@link SearchIndex.map}. */
export interface MapOptions extends ScanOptions {
  /**
   * `'pca'`: the two principal components, as scikit-learn's PCA gives them up to their signs; fast, the same for the same
   * entries, and coarse. `'umap'`: keeps neighbours together.
   */
  method: 'pca' | 'umap';
  /**
   * For `'umap'`: `UMAP` of the package umap-js, which you install and import: `import { UMAP } from 'umap-js'`. So it is in
   * no page that does not use it.
   */
  UMAP?: UmapConstructor;
  /** For `'umap'`: how many neighbours are kept together, default 15. More show the whole rather than details. */
  nNeighbors?: number;
  /** For `'umap'`: how close points may lie, default 0.1. */
  minDist?: number;
  /** For `'umap'`: the same seed gives the same map; default 0. */
  seed?: number;
  /** First over the neighbours, then over the steps of the map. */
  onProgress?: (progress: ScanProgress | { stage: 'map'; done: number; total: number }) => void;
}

/** A point for each entry. */
export interface IndexMap {
  /** In the order of adding. */
  ids: string[];
  /** (entries, 2) */
  coordinates: Tensor;
}

/** @internal */
export async function map(rows: Rows, options: MapOptions): Promise<IndexMap> {
  const ids = Array.from(rows.table.liveRows(), (row) => rows.table.entry(row).id);
  const { method, UMAP } = options;
  if (method !== 'pca' && method !== 'umap') throw invalid(`method is 'pca' or 'umap', not '${method}'.`);
  if (method === 'umap' && typeof UMAP !== 'function')
    throw invalid(
      "The method 'umap' needs { UMAP } of the package umap-js: npm install umap-js, and import it.",
    );
  const least = method === 'pca' ? 2 : 3;
  if (ids.length < least)
    throw invalid(`A map takes ${least} entries at least; the index has ${ids.length}.`);
  if (rows.header.dim < 2) throw invalid('A map takes vectors of 2 numbers at least.');
  const data = UMAP && method === 'umap' ? await umap(rows, UMAP, options) : await pca(rows, options);
  return { ids, coordinates: { data, shape: [ids.length, 2] } };
}

/** The rows are read twice: for the axes, and to be projected on them. */
async function pca(rows: Rows, { signal, onProgress }: MapOptions) {
  await rows.flush();
  const live = Int32Array.from(rows.table.liveRows());
  const result = new Float32Array(live.length * 2);
  const read = async (first: number, passes: number) => {
    throwIfAborted(signal);
    onProgress?.({ stage: 'map', done: passes * live.length + first, total: 2 * live.length });
    return rows.vectors.vectors(live.subarray(first, first + AT_ONCE));
  };
  const principal = await make(rows.engine, 'PrincipalAxes', rows.header.dim);
  try {
    for (let first = 0; first < live.length; first += AT_ONCE) await principal.add(await read(first, 0));
    const { mean, axes } = await principal.fit(2);
    for (let first = 0; first < live.length; first += AT_ONCE)
      result.set(await compute(rows.engine, 'project', await read(first, 1), mean, axes), first * 2);
  } finally {
    await principal.delete();
  }
  return result;
}

/** On the index's own nearest neighbours, so that umap-js sees no vector. */
async function umap(rows: Rows, UMAP: UmapConstructor, options: MapOptions) {
  const { nNeighbors = NEIGHBOURS, minDist = 0.1, seed = 0, signal, onProgress } = options;
  checkCosine(rows, 'Maps by UMAP');
  checkWhole('nNeighbors', nNeighbors, 2);
  checkWhole('seed', seed, 0);
  // UMAP counts the entry itself among its neighbours, and takes more entries than neighbours.
  const near = await neighbours(rows, Math.min(nNeighbors, rows.table.size - 1) - 1, options);
  const n = near.rows.length;
  // As umap-js finds them itself: each point is its own first neighbour.
  const lists = (self: (point: number) => number, values: ArrayLike<number>) =>
    Array.from({ length: n }, (_, point) => [
      self(point),
      ...Array.from({ length: near.k }, (_, i) => values[point * near.k + i] as number),
    ]);
  const distances = near.scores.map(cosineDistance);
  const layout = new UMAP({ nComponents: 2, nNeighbors: near.k + 1, minDist, random: random(seed) });
  layout.setPrecomputedKNN(
    lists((point) => point, near.points),
    lists(() => 0, distances),
  );
  const epochs = layout.initializeFit(Array.from({ length: n }, () => []));
  for (let epoch = 0; epoch < epochs; ) {
    const turn = performance.now() + TURN_MS;
    while (epoch < epochs && performance.now() < turn) epoch = layout.step();
    onProgress?.({ stage: 'map', done: epoch, total: epochs });
    await new Promise((done) => setTimeout(done));
    throwIfAborted(signal);
  }
  return Float32Array.from(layout.getEmbedding().flat());
}

/** Tommy Ettinger's Mulberry32. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

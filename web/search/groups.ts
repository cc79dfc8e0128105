// Near-duplicates and clusters of an index's entries.
import { compute } from '../engine/calls.js';
import { throwIfAborted } from '../errors.js';
import { neighbours, pairs, type RowPair, type ScanOptions } from './neighbours.js';
import { joinParts } from './parts.js';
import { invalid } from './query.js';
import type { Rows } from './rows.js';

const MIN_SCORE = 0.95;
const MAX_PAIRS = 10_000;
const CLUSTER_SIZE = 5;
const CLUSTER_NEIGHBOURS = 32;

/** Options of {@link SearchIndex.duplicateGroups}. */
export interface DuplicateGroupOptions extends ScanOptions {
  /** Two entries are near-duplicates from this score on; default 0.95, which is meant for cosines. */
  minScore?: number;
}

/** Options of {@link SearchIndex.duplicates}. */
export interface DuplicateOptions extends DuplicateGroupOptions {
  /** How many pairs at most, the best ones; default 10,000. */
  limit?: number;
}

/** Two entries that are near-duplicates; `a` was added before `b`. */
export interface Duplicate {
  a: string;
  b: string;
  score: number;
}

/** Options of {@link SearchIndex.clusters}. */
export interface ClusterOptions extends ScanOptions {
  /** Fewer entries are no cluster; from 2 on, default 5. (`min_cluster_size` of scikit-learn's HDBSCAN) */
  minClusterSize?: number;
  /**
   * How many entries close together, itself included, make an entry dense: more of them leave more entries out. Default:
   * `minClusterSize`. (`min_samples`)
   */
  minSamples?: number;
  /** Neighbours of each entry that the hierarchy is made of; default 32, or `minSamples` where that is more. */
  k?: number;
}

/** Entries that belong together. */
export interface Cluster {
  /** In the order of adding. */
  ids: string[];
  /** How deep in the cluster each is, from 0 to 1. (`probabilities_`) */
  probabilities: number[];
}

/** The clusters of an index. */
export interface Clustering {
  /** The largest first. */
  clusters: Cluster[];
  /** Entries of no cluster. */
  noise: string[];
}

const better = (x: RowPair, y: RowPair) => y.score - x.score || x.a - y.a || x.b - y.b;

/** @internal */
export async function duplicates(rows: Rows, options: DuplicateOptions): Promise<Duplicate[]> {
  const { minScore = MIN_SCORE, limit = MAX_PAIRS } = options;
  checkWhole('limit', limit, 1);
  let best: RowPair[] = [];
  const keepBest = () => {
    best = best.sort(better).slice(0, limit);
  };
  for await (const found of pairs(rows, checkScore(minScore), limit, options)) {
    for (const pair of found) best.push(pair);
    if (best.length > 2 * limit) keepBest();
  }
  keepBest();
  return best.map(({ a, b, score }) => ({ a: idOf(rows, a), b: idOf(rows, b), score }));
}

/** @internal */
export async function duplicateGroups(rows: Rows, options: DuplicateGroupOptions): Promise<string[][]> {
  const { minScore = MIN_SCORE } = options;
  const parents = Int32Array.from({ length: rows.table.rows }, (_, row) => row);
  const root = (row: number): number => {
    let top = row;
    while (parents[top] !== top) top = parents[top] = parents[parents[top] as number] as number;
    return top;
  };
  for await (const found of pairs(rows, checkScore(minScore), Number.POSITIVE_INFINITY, options)) {
    for (const { a, b } of found) {
      const [one, other] = [root(a), root(b)];
      parents[Math.max(one, other)] = Math.min(one, other);
    }
  }
  const groups = new Map<number, string[]>();
  for (const row of rows.table.liveRows()) {
    const first = root(row);
    const group = groups.get(first);
    if (group) group.push(idOf(rows, row));
    else groups.set(first, [idOf(rows, row)]);
  }
  return [...groups.values()].filter(({ length }) => length > 1).sort((x, y) => y.length - x.length);
}

/** @internal */
export async function clusters(rows: Rows, options: ClusterOptions): Promise<Clustering> {
  const { minClusterSize = CLUSTER_SIZE, minSamples = minClusterSize } = options;
  const { k = Math.max(CLUSTER_NEIGHBOURS, minSamples) } = options;
  checkCosine(rows, 'Clusters');
  checkWhole('minClusterSize', minClusterSize, 2);
  checkWhole('minSamples', minSamples, 1);
  checkWhole('k', k, Math.max(1, minSamples - 1));
  const nearest = await neighbours(rows, k, options);
  const near = await joinParts(rows, nearest, options);
  throwIfAborted(options.signal);
  const distances = near.scores.map(cosineDistance);
  const samples = Math.min(minSamples, nearest.k + 1); // of an index with fewer entries
  const n = near.rows.length;
  const found = await compute(rows.engine, 'hdbscan', n, near.points, distances, minClusterSize, samples);
  const result: Clustering = { clusters: [], noise: [] };
  for (const [point, row] of near.rows.entries()) {
    const id = idOf(rows, row);
    const label = found.labels[point] as number;
    if (label < 0) {
      result.noise.push(id);
      continue;
    }
    result.clusters[label] ??= { ids: [], probabilities: [] };
    result.clusters[label].ids.push(id);
    result.clusters[label].probabilities.push(found.probabilities[point] as number);
  }
  return result;
}

const idOf = (rows: Rows, row: number) => rows.table.entry(row).id;

function checkScore(minScore: number): number {
  if (typeof minScore === 'number' && !Number.isNaN(minScore)) return minScore;
  throw invalid(`minScore is a number, not ${minScore}.`);
}

/** Of float32 vectors of length 1: copies may have a cosine a little above 1. */
export const cosineDistance = (score: number) => Math.max(0, 1 - score);

/** @internal */
export function checkCosine(rows: Rows, what: string): void {
  if (rows.header.metric !== 'cosine')
    throw invalid(`${what} take the metric 'cosine'; this index has '${rows.header.metric}'.`);
}

export function checkWhole(name: string, value: number, least: number): void {
  if (!(Number.isInteger(value) && value >= least))
    throw invalid(`${name} is a whole number from ${least} on, not ${value}.`);
}

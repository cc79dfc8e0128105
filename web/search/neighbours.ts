// Every entry of an index against all the others, in pieces: the index can be asked meanwhile, and the work stopped.
import { throwIfAborted } from '../errors.js';
import type { Rows } from './rows.js';

/** Entries whose neighbours are looked for in one call of the engine. */
const AT_ONCE = 256;
/** Results of one call at most. */
const MAX_RESULTS = 1 << 20;
/** Neighbours that are first looked for among near-duplicates; most entries have none. */
const FIRST_PAIRS = 16;

/** Options of what compares the entries with each other. */
export interface ScanOptions {
  /** Looks at every entry, where there is an approximate index; default false, with `approximate: false` true. */
  exact?: boolean;
  signal?: AbortSignal;
  /** `done` entries of `total` have been compared with the others. */
  onProgress?: (progress: ScanProgress) => void;
}

/** How far the comparing has come. */
export interface ScanProgress {
  stage: 'neighbours';
  done: number;
  total: number;
}

/** Rows of the index; `a` was added before `b`. */
export interface RowPair {
  a: number;
  b: number;
  score: number;
}

/** Points 0 … n - 1 are the entries, in the order of adding. */
export interface Neighbours {
  /** The row of each point. */
  rows: Int32Array;
  /** Neighbours of each point. */
  k: number;
  /** (n, k), the nearest first; -1 where there are fewer */
  points: Int32Array;
  /** (n, k) */
  scores: Float32Array;
}

async function* pieces(rows: Rows, { signal, onProgress }: ScanOptions): AsyncGenerator<Int32Array> {
  await rows.flush();
  const live = Int32Array.from(rows.table.liveRows());
  for (let first = 0; first < live.length; first += AT_ONCE) {
    throwIfAborted(signal);
    const piece = live.subarray(first, first + AT_ONCE);
    yield piece;
    onProgress?.({ stage: 'neighbours', done: first + piece.length, total: live.length });
  }
}

/** @internal The k nearest others of each entry. */
export async function neighbours(rows: Rows, most: number, options: ScanOptions): Promise<Neighbours> {
  const live = Int32Array.from(rows.table.liveRows());
  const k = Math.max(0, Math.min(most, live.length - 1));
  const found = {
    rows: live,
    k,
    points: new Int32Array(live.length * k),
    scores: new Float32Array(live.length * k),
  };
  if (k === 0) return found;
  const pointOf = new Int32Array(rows.table.rows);
  for (const [point, row] of live.entries()) pointOf[row] = point;
  const search = {
    k: k + 1,
    minScore: Number.NEGATIVE_INFINITY,
    allowed: undefined,
    exact: options.exact ?? false,
  };
  let to = 0;
  for await (const piece of pieces(rows, options)) {
    const near = await rows.vectors.search(await rows.vectors.vectors(piece), search);
    for (const [i, row] of piece.entries()) {
      // Itself is among them, unless more than k others are as near.
      const end = to + k;
      for (let j = i * (k + 1); j < (i + 1) * (k + 1) && to < end; j++) {
        const other = near.rows[j] as number;
        if (other === row) continue;
        found.points[to] = other < 0 ? -1 : (pointOf[other] as number);
        found.scores[to++] = near.scores[j] as number;
      }
    }
  }
  return found;
}

/**
 * @internal Pairs with at least that score, each once, entry by entry.
 * @param enough - how many of an entry's pairs are of use, the best ones
 */
export async function* pairs(
  rows: Rows,
  minScore: number,
  enough: number,
  options: ScanOptions,
): AsyncGenerator<RowPair[]> {
  const later = new Uint8Array(rows.table.rows).fill(1);
  const { exact = false } = options;
  for await (const piece of pieces(rows, options)) {
    later.fill(0, 0, piece[0]);
    // Those that have more than k are asked again for more.
    for (let asked = [...piece], k = FIRST_PAIRS; asked.length > 0; k *= 4) {
      // The piece's own entries, which come before or are itself, take places too.
      const last = k >= later.length || k >= enough + AT_ONCE;
      const more: number[] = [];
      const step = Math.max(1, Math.floor(MAX_RESULTS / k));
      for (let first = 0; first < asked.length; first += step) {
        throwIfAborted(options.signal);
        const some = Int32Array.from(asked.slice(first, first + step));
        const queries = await rows.vectors.vectors(some);
        const near = await rows.vectors.search(queries, { k, minScore, allowed: later, exact });
        const found: RowPair[] = [];
        for (const [i, a] of some.entries()) {
          if (!last && (near.rows[(i + 1) * k - 1] as number) >= 0) {
            more.push(a);
            continue;
          }
          for (let j = i * k; j < (i + 1) * k && (near.rows[j] as number) >= 0; j++) {
            const b = near.rows[j] as number;
            if (b > a) found.push({ a, b, score: near.scores[j] as number });
          }
        }
        yield found;
      }
      asked = more;
    }
  }
}

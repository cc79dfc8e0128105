// The graph of nearest neighbours may fall into parts that no path joins, though nothing is infinitely far from anything:
// each part is joined to the others by its entries' nearest ones outside of it (Borůvka's rounds) until there is one.
import { throwIfAborted } from '../errors.js';
import type { Neighbours, ScanOptions } from './neighbours.js';
import type { Rows } from './rows.js';

const AT_ONCE = 256;

/** The same neighbours, and behind them those that join the parts; -1 where there are none. */
export async function joinParts(rows: Rows, near: Neighbours, options: ScanOptions): Promise<Neighbours> {
  const n = near.rows.length;
  const parents = Int32Array.from({ length: n }, (_, point) => point);
  const root = (point: number): number => {
    let top = point;
    while (parents[top] !== top) top = parents[top] = parents[parents[top] as number] as number;
    return top;
  };
  for (const [i, other] of near.points.entries())
    if (other >= 0) parents[root(Math.floor(i / near.k))] = root(other);

  const pointOf = new Map(Array.from(near.rows, (row, point) => [row, point]));
  const rounds: { points: Int32Array; scores: Float32Array }[] = [];
  for (;;) {
    const parts = new Map<number, number[]>();
    for (let point = 0; point < n; point++) {
      const part = parts.get(root(point));
      if (part) part.push(point);
      else parts.set(root(point), [point]);
    }
    // The largest is joined by the others.
    const [, ...others] = [...parts.values()].sort((a, b) => b.length - a.length);
    if (others.length === 0) break;
    const round = { points: new Int32Array(n).fill(-1), scores: new Float32Array(n) };
    for (const part of others) await outside(rows, near, pointOf, part, round, options);
    for (const [point, other] of round.points.entries()) if (other >= 0) parents[root(point)] = root(other);
    rounds.push(round);
  }
  if (rounds.length === 0) return near;

  const k = near.k + rounds.length;
  const points = new Int32Array(n * k);
  const scores = new Float32Array(n * k);
  for (let point = 0; point < n; point++) {
    const own = [point * near.k, (point + 1) * near.k] as const;
    points.set(near.points.subarray(...own), point * k);
    scores.set(near.scores.subarray(...own), point * k);
    for (const [i, round] of rounds.entries()) {
      points[point * k + near.k + i] = round.points[point] as number;
      scores[point * k + near.k + i] = round.scores[point] as number;
    }
  }
  return { rows: near.rows, k, points, scores };
}

/** Of each entry of the part the nearest one that is not in it. */
async function outside(
  rows: Rows,
  near: Neighbours,
  pointOf: Map<number, number>,
  part: number[],
  to: { points: Int32Array; scores: Float32Array },
  { exact = false, signal }: ScanOptions,
): Promise<void> {
  const allowed = new Uint8Array(rows.table.rows).fill(1);
  for (const point of part) allowed[near.rows[point] as number] = 0;
  for (let first = 0; first < part.length; first += AT_ONCE) {
    throwIfAborted(signal);
    const some = part.slice(first, first + AT_ONCE);
    const queries = await rows.vectors.vectors(Int32Array.from(some, (point) => near.rows[point] as number));
    const found = await rows.vectors.search(queries, {
      k: 1,
      minScore: Number.NEGATIVE_INFINITY,
      allowed,
      exact,
    });
    for (const [i, point] of some.entries()) {
      to.points[point] = pointOf.get(found.rows[i] as number) ?? -1;
      to.scores[point] = found.scores[i] as number;
    }
  }
}

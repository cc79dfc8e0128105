// A history of changes that a seed repeats, and what an index must hold after so many of them. Runs in Node and in the
// page.
export const DIM = 32;
const MOST = 400;

/** Numbers from 0 to below 1 that the seed repeats: mulberry32. */
export function randomNumbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Vector number n. */
export function vectorOf(n) {
  const random = randomNumbers(n);
  return Float32Array.from({ length: DIM }, () => random() - 0.5);
}

export class History {
  /** How many operations have been. */
  count = 0;
  /** The number of each id's vector, in the order of an index. */
  state = new Map();
  #seed;
  #trains;

  /** @param trains - whether the approximate index is among it, which changes nothing of what there is */
  constructor(seed, count = 0, { trains = false } = {}) {
    this.#seed = seed;
    this.#trains = trains;
    for (let i = 0; i < count; i++) this.next();
  }

  /** The next operation; the state is then what it leads to. */
  next() {
    const random = randomNumbers(this.#seed + 7919 * this.count);
    const operation = this.#choose(random);
    apply(this.state, operation);
    this.count++;
    return operation;
  }

  #choose(random) {
    const ids = [...this.state.keys()];
    const one = () => ids[Math.floor(random() * ids.length)];
    const fresh = (i) => ({ id: `${this.count}/${i}`, n: this.count * 1000 + i });
    const some = (most, make) => Array.from({ length: 1 + Math.floor(random() * most) }, (_, i) => make(i));
    const kind = random();
    if (ids.length === 0 || (kind < 0.4 && ids.length < MOST))
      return { kind: 'add', entries: some(80, fresh) };
    if (kind < 0.6) {
      const entries = some(40, (i) => (random() < 0.5 ? fresh(i) : { ...fresh(i), id: one() }));
      return { kind: 'upsert', entries: [...new Map(entries.map((entry) => [entry.id, entry])).values()] };
    }
    if (kind < 0.85) return { kind: 'remove', ids: [...new Set(some(60, one))] };
    if (this.#trains && kind < 0.93) return { kind: 'train' };
    return kind < 0.99 ? { kind: 'compact' } : { kind: 'clear' };
  }
}

function apply(state, { kind, entries, ids }) {
  if (kind === 'clear') state.clear();
  for (const id of ids ?? []) state.delete(id);
  for (const { id, n } of entries ?? []) {
    state.delete(id); // what is replaced comes last
    state.set(id, n);
  }
}

/** Does it to an index; resolves when that acknowledges. */
export function perform(index, { kind, entries, ids }) {
  if (kind === 'remove') return index.remove(ids);
  if (!entries) return index[kind]();
  return index[kind](entries.map(({ id, n }) => ({ id, vector: vectorOf(n), metadata: { n } })));
}

/**
 * What an index holds, to be compared with a state, and what it finds.
 * @returns {Promise<{ ids: string[], numbers: number[], bad: string[], found: string[][], near: string[][] }>} `bad`:
 *   ids whose vector is not the one of their number; `near`: by the approximate index, where there is one
 */
export async function contents(index, queries) {
  const ids = [];
  const numbers = [];
  const bad = [];
  for await (const { id, vector, metadata } of index) {
    ids.push(id);
    numbers.push(metadata.n);
    if (String(vector) !== String(vectorOf(metadata.n))) bad.push(id);
  }
  const vectors = queries.map(vectorOf);
  const found = async (exact) =>
    (await index.searchMany(vectors, { k: 5, exact })).map((list) => list.map(({ id }) => id));
  return { ids, numbers, bad, found: await found(true), near: await found(false) };
}

/** What a search for vector number `query` must find in a state: inner products in double precision. */
export function neighbours(state, query) {
  const q = vectorOf(query);
  const scored = [...state].map(([id, n]) => ({
    id,
    score: vectorOf(n).reduce((sum, x, i) => sum + x * q[i], 0),
  }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, 5)
    .map(({ id }) => id);
}

/** What is wrong with the contents, if they should be of this state; undefined if nothing. */
export function difference(state, { ids, numbers, bad, found, near }, queries) {
  if (bad.length > 0) return `the vectors of ${bad} are others`;
  if (String(ids) !== String([...state.keys()]))
    return `${ids.length} entries instead of ${state.size}, or others`;
  if (String(numbers) !== String([...state.values()])) return 'entries are of another time';
  for (const [i, query] of queries.entries()) {
    if (String(found[i]) !== String(neighbours(state, query)))
      return `the neighbours of ${query} are ${found[i]}`;
    const wanted = Math.min(5, state.size);
    if (new Set(near[i]).size !== wanted || near[i].some((id) => !state.has(id)))
      return `the approximate neighbours of ${query} are ${near[i]}`;
  }
  return undefined;
}

import { throwIfAborted, toVitreousError, VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import { firstRepeated, outside, toStored } from './entry.js';
import { type Predicate, toPredicate } from './filter.js';
import { joined } from './format.js';
import {
  type Clustering,
  type ClusterOptions,
  clusters,
  type Duplicate,
  type DuplicateGroupOptions,
  type DuplicateOptions,
  duplicateGroups,
  duplicates,
} from './groups.js';
import type { Journal } from './journal.js';
import type { Recovered } from './log.js';
import { type IndexMap, type MapOptions, map } from './map.js';
import type { ScanOptions } from './neighbours.js';
import type { IndexParts } from './open.js';
import { checkVector, embed, invalid, queryVectors } from './query.js';
import { trainInSteps } from './training.js';
import type {
  AddOptions,
  Entry,
  Metadata,
  NewEntry,
  Query,
  SearchByOptions,
  SearchResult,
  TrainOptions,
} from './types.js';

const DEFAULT_K = 10;
/** Entries are read from the engine so many at a time. */
const READ_AT_ONCE = 256;

/**
 * Images, or vectors of them, to be searched by example: see `ImageIndex`.
 *
 * Every method rejects with a {@link VitreousError}: `INVALID_ARGUMENT` for what makes no sense, `DISPOSED` after
 * {@link close}; the index stays as it was and usable. What changes it resolves when the change is on the disk, and
 * changes all or nothing. Calls may overlap: changes happen in the order in which they were asked for.
 */
export class SearchIndex {
  readonly #parts: IndexParts;
  /** Ends with the last change. */
  #changes: Promise<unknown> = Promise.resolve();
  #closed = false;
  #training = false;

  /** @internal */
  constructor(parts: IndexParts) {
    this.#parts = parts;
    this.#trainIfDue();
    if (!parts.readOnly || parts.storage?.watch === undefined) return;
    const follow = () => void this.refresh().catch(() => {});
    parts.storage.watch(follow);
    follow(); // for what was written while this was opened
  }

  /** How many entries there are. */
  get size(): number {
    return this.#journal.rows.table.size;
  }

  /** Length of the vectors. */
  get dim(): number {
    return this.#parts.journal.header.dim;
  }

  /** @internal */
  get model(): VisionTransformer | undefined {
    return this.#parts.model;
  }

  /** How vectors are compared. */
  get metric(): 'cosine' | 'dot' {
    return this.#parts.journal.header.metric;
  }

  /** Whether searches look at a part of the entries, by an approximate index, unless they are `exact`. */
  get approximate(): boolean {
    return this.#journal.rows.approximate && this.#parts.approximate;
  }

  /** What had to be dropped when the index was opened; undefined if nothing. */
  get recovered(): Recovered | undefined {
    return this.#parts.journal.recovered;
  }

  /**
   * Adds one entry or several: all of them, or with an error none. An array is one write to the disk, so it is far faster
   * than one by one.
   * @throws `INVALID_ARGUMENT` for an id that is there already, or a vector that is zero or not finite; `INVALID_IMAGE`;
   *   `STORAGE_FULL`; `INDEX_LOCKED` where the index is open for reading only
   */
  add(entries: NewEntry | NewEntry[], options: AddOptions = {}): Promise<void> {
    return this.#put(entries, options, false);
  }

  /** Adds, and replaces those of the same ids: their vectors and their metadata. Then they are the last ones. */
  upsert(entries: NewEntry | NewEntry[], options: AddOptions = {}): Promise<void> {
    return this.#put(entries, options, true);
  }

  /** @returns how many of these were there and are removed */
  remove(ids: string | string[]): Promise<number> {
    return this.#change(async (journal) => {
      const { table } = journal.rows;
      const rows = new Set([ids].flat().flatMap((id) => table.rowOf(id) ?? []));
      if (rows.size > 0) await journal.write({ removed: Uint32Array.from(rows, (row) => table.number(row)) });
      return rows.size;
    });
  }

  /** Removes everything. */
  clear(): Promise<void> {
    return this.#change((journal) => journal.clear(), { lost: true });
  }

  /** Whether there is an entry of that id. */
  has(id: string): boolean {
    return this.#journal.rows.table.rowOf(id) !== undefined;
  }

  /** The entry of that id; undefined if there is none. */
  async get(id: string): Promise<Entry | undefined> {
    const { rows } = await this.#ready();
    const row = rows.table.rowOf(id);
    if (row === undefined) return undefined;
    const entry = rows.table.entry(row);
    return { ...outside(entry), vector: await rows.vectorsOf([row]) };
  }

  /** All entries, those added first at first; as they are when they are come to. */
  async *entries(): AsyncGenerator<Entry> {
    // By id, because rows change their numbers meanwhile.
    const ids = [...this.ids()];
    for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
      const { rows } = await this.#ready();
      const some = ids.slice(at, at + READ_AT_ONCE).flatMap((id) => rows.table.rowOf(id) ?? []);
      const entries = some.map((row) => rows.table.entry(row));
      const vectors = some.length > 0 ? await rows.vectorsOf(some) : new Float32Array(0);
      for (const [i, entry] of entries.entries())
        yield { ...outside(entry), vector: vectors.slice(i * this.dim, (i + 1) * this.dim) };
    }
  }

  /** All entries, in the order of adding. */
  [Symbol.asyncIterator](): AsyncGenerator<Entry> {
    return this.entries();
  }

  /** Ids alone, in the same order. */
  *ids(): Generator<string> {
    const { table } = this.#journal.rows;
    for (const row of table.liveRows()) yield table.entry(row).id;
  }

  /** What is known of an entry besides its vector; undefined where there is no entry, or nothing is known. */
  metadata(id: string): Metadata | undefined {
    const { table } = this.#journal.rows;
    const row = table.rowOf(id);
    return row === undefined ? undefined : outside(table.entry(row)).metadata;
  }

  /**
   * The nearest entries.
   * @param query - an image, a vector (dim), an entry `{ id }` (which then is among the results), or several with weights:
   *   `[{ image }, { id, weight: 0.5 }, { vector, weight: -1 }]`
   * @returns best first; of the same score that which was added first
   */
  async search(query: Query, options: SearchByOptions = {}): Promise<SearchResult[]> {
    return (await this.searchMany([query], options))[0] as SearchResult[];
  }

  /** Several searches in one: the index is read once for all of them. @returns results for each query */
  async searchMany(queries: Query[], options: SearchByOptions = {}): Promise<SearchResult[][]> {
    const {
      k = DEFAULT_K,
      filter,
      minScore = Number.NEGATIVE_INFINITY,
      exact = !this.#parts.approximate,
      region,
      signal,
    } = options;
    if (!(Number.isInteger(k) && k >= 1)) throw invalid(`k is a whole number from 1 on, not ${k}.`);
    if (typeof minScore !== 'number' || Number.isNaN(minScore))
      throw invalid(`minScore is a number, not ${minScore}.`);
    const predicate = filter === undefined ? undefined : toPredicate(filter);
    const context = { journal: await this.#ready(), model: this.#parts.model, signal };
    const groups: Float32Array[][] = [];
    for (const query of queries) groups.push(await queryVectors(query, region, context));
    throwIfAborted(signal);
    if (groups.length === 0) return [];
    // From here to the engine without a pause, so that the rows are the same.
    const { rows } = await this.#ready();
    const allowed = predicate && this.#allowed(predicate);
    const found = await rows.search(join(groups.flat()), { k, minScore, allowed, exact });
    let next = 0;
    return groups.map((group) => {
      const lists = found.slice(next, next + group.length);
      next += group.length;
      return best(lists, k).map(({ entry, score }) => {
        const { id, metadata } = outside(entry);
        return { id, score, metadata };
      });
    });
  }

  /**
   * Pairs of entries that are nearly the same, the best first. Every entry is compared with all that were added after it, so
   * the time grows with the square of their number. Like {@link clusters} and {@link map}, it sees the index as it is when
   * its turn comes, and changes asked for later wait for it.
   * @param options.minScore - a pair has at least this score: cosine or inner product, as the index's `metric` says
   * @throws `INVALID_ARGUMENT`, `ABORTED`
   */
  duplicates(options: DuplicateOptions = {}): Promise<Duplicate[]> {
    return this.#inOrder(({ rows }) => duplicates(rows, this.#exactly(options)));
  }

  /**
   * Entries joined by pairs that are nearly the same, directly or over others: the connected components of
   * {@link duplicates}.
   * @returns ids of each group, in the order of adding; the largest group first
   * @throws `INVALID_ARGUMENT`, `ABORTED`
   */
  duplicateGroups(options: DuplicateGroupOptions = {}): Promise<string[][]> {
    return this.#inOrder(({ rows }) => duplicateGroups(rows, this.#exactly(options)));
  }

  /**
   * Groups of entries that are like each other, as many as there are, by HDBSCAN* (Campello, Moulavi and Sander, 2013) on
   * cosine distance, over the `k` nearest neighbours of each entry: `sklearn.cluster.HDBSCAN(metric='cosine')`, exactly so
   * where `k` reaches all others.
   * @throws `INVALID_ARGUMENT` also where the metric is not `'cosine'`; `ABORTED`
   */
  clusters(options: ClusterOptions = {}): Promise<Clustering> {
    return this.#inOrder(({ rows }) => clusters(rows, this.#exactly(options)));
  }

  /**
   * A point of the plane for each entry, near ones near each other.
   * @example
   * ```ts
   * import { UMAP } from 'umap-js';
   * const { ids, coordinates } = await index.map({ method: 'umap', UMAP });
   * ```
   * @throws `INVALID_ARGUMENT` also for too few entries (2, for UMAP 3), or where the metric for UMAP is not `'cosine'`;
   *   `ABORTED`
   */
  map(options: MapOptions): Promise<IndexMap> {
    return this.#inOrder(({ rows }) => map(rows, options));
  }

  /**
   * Builds an approximate index over what is there (an inverted file; Jégou et al. 2011), for searches in large collections:
   * they look at the nearest lists only, at as many of them as find 99 % of the ten nearest. Later entries go into it, it is
   * kept with the index, and `exact: true` leaves it aside. Above a size it is built by itself, see `approximate` in
   * {@link IndexOptions}. Searches and changes go on meanwhile.
   * @param options.lists - how many, default the square root of the number of entries
   * @param options.iterations - of k-means, default 10
   * @param options.seed - the same seed gives the same lists; default 0
   * @throws `INVALID_ARGUMENT` for more lists than entries
   */
  async train(options: TrainOptions = {}): Promise<void> {
    this.#writable();
    await this.#inOrder(({ rows }) => {
      const { lists = Math.round(Math.sqrt(this.size)), iterations = 10, seed = 0 } = options;
      return rows.vectors.beginTraining({ lists, iterations, seed });
    });
    await trainInSteps(() => this.#journal.rows);
    await this.#change((journal) => journal.keepTraining());
  }

  /** Writes the stored index anew without what was removed. Happens by itself when that is more than half. */
  compact(): Promise<void> {
    return this.#change((journal) => journal.compact());
  }

  /** Takes over what another tab or process has written; in browsers that happens by itself. @returns whether there was any */
  refresh(): Promise<boolean> {
    return this.#inOrder((journal) => journal.refresh());
  }

  /** The index as bytes, for {@link ImageIndex.load}; see docs/index-format.md. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inOrder(async (journal) => joined(await collected(journal.snapshot())));
  }

  /** The same as a Blob, which a browser may keep on the disk. */
  saveBlob(): Promise<Blob> {
    return this.#inOrder(async (journal) => {
      // A Blob each: only a piece has to be in memory.
      const parts: Blob[] = [];
      for await (const piece of journal.snapshot()) parts.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
      return new Blob(parts, { type: 'application/octet-stream' });
    });
  }

  /** @internal Hands on the bytes of {@link save} piece by piece; changes wait. */
  protected written(write: (pieces: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
    return this.#inOrder((journal) => write(journal.snapshot()));
  }

  /** Waits for changes under way, lets go of the lock, and frees the memory. The model stays. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#changes;
    const { journal, backend } = this.#parts;
    await journal.close().catch(() => {}); // the model may be gone already
    backend?.dispose();
  }

  /** `await using index = await ImageIndex.open(…)`. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  get #journal(): Journal {
    if (this.#closed) throw new VitreousError('DISPOSED', 'The index was closed; open it again to use it.');
    return this.#parts.journal;
  }

  /** With its rows in the engine. */
  async #ready(): Promise<Journal> {
    const journal = this.#journal;
    await journal.ready();
    return journal;
  }

  async #put(given: NewEntry | NewEntry[], options: AddOptions, replace: boolean): Promise<void> {
    const list = Array.isArray(given) ? given : [given];
    const entries = list.map(toStored);
    const twice = firstRepeated(entries);
    if (twice !== undefined) throw invalid(`The id '${twice}' is there twice.`);
    if (list.length === 0) return;
    this.#writable();
    const existing = () => entries.find(({ id }) => this.#journal.rows.table.rowOf(id) !== undefined);
    const checkNew = () => {
      const old = replace ? undefined : existing();
      if (old) throw invalid(`The index has an entry '${old.id}' already. Use upsert to replace it.`);
    };
    checkNew(); // before the images cost time
    const vectors = await this.#vectorsOf(list, options);
    throwIfAborted(options.signal);
    await this.#change(async (journal) => {
      checkNew();
      const { table } = journal.rows;
      const removed = entries.flatMap(({ id }) => table.rowOf(id) ?? []).map((row) => table.number(row));
      const blocks = await journal.rows.pack(entries, vectors);
      await journal.write({ blocks, ...(removed.length > 0 && { removed: Uint32Array.from(removed) }) });
    });
  }

  async #vectorsOf(list: NewEntry[], { signal, onProgress }: AddOptions): Promise<Float32Array> {
    for (const { id, image, vector } of list) {
      if ((image === undefined) === (vector === undefined))
        throw invalid(`Entry '${id}' needs an image or a vector.`);
    }
    const images = list.flatMap(({ image }) => image ?? []);
    const embedded =
      images.length > 0 ? await embed(images, { model: this.#parts.model, signal }, onProgress) : [];
    let next = 0;
    return join(
      list.map(({ vector }) => (vector ? checkVector(vector, this.dim) : (embedded[next++] as Float32Array))),
    );
  }

  #exactly<T extends ScanOptions>(options: T): T {
    return { ...options, exact: options.exact ?? !this.#parts.approximate };
  }

  #allowed(predicate: Predicate): Uint8Array {
    const { table } = this.#journal.rows;
    const allowed = new Uint8Array(table.rows);
    for (const row of table.liveRows()) {
      const { id, metadata } = table.entry(row);
      allowed[row] = predicate(metadata as Metadata | undefined, id) ? 1 : 0;
    }
    return allowed;
  }

  #writable(): void {
    if (this.#parts.readOnly)
      throw new VitreousError(
        'INDEX_LOCKED',
        'The index was opened with { readOnly: true }: open it without to change it.',
      );
  }

  /** Builds the approximate index if its time has come. That it cannot be kept is nobody's error. */
  #trainIfDue(): void {
    if (this.#training || this.#parts.readOnly || !this.#parts.approximate) return;
    this.#training = true;
    this.#inOrder(({ rows }) => rows.vectors.wantsTraining())
      .then((due) => (due ? this.train() : undefined))
      .catch(() => {})
      .finally(() => {
        this.#training = false;
      });
  }

  /** A change, after those before it, and then a compaction or a training if it is time for one. */
  async #change<T>(work: (journal: Journal) => Promise<T>, options?: { lost: boolean }): Promise<T> {
    this.#writable();
    const result = await this.#inOrder(work, options);
    if (!this.#closed) {
      this.#inOrder(async (journal) => {
        if (journal.wasteful) await journal.compact();
      }).catch(() => {}); // the log is as it was, only longer
      this.#trainIfDue();
    }
    return result;
  }

  /** `lost`: also where the rows went with the engine. */
  async #inOrder<T>(work: (journal: Journal) => Promise<T>, { lost = false } = {}): Promise<T> {
    const journal = this.#journal;
    const result = this.#changes.then(async () => {
      if (!lost) await journal.ready();
      return work(journal);
    });
    this.#changes = result.catch(() => {});
    return result.catch((error) => {
      throw toVitreousError(error);
    });
  }
}

if (Symbol.asyncDispose) {
  SearchIndex.prototype[Symbol.asyncDispose] = function (this: SearchIndex) {
    return this.close();
  };
}

/** Of several regions an entry's best score counts. */
function best<T extends { row: number; score: number }>(lists: T[][], k: number): T[] {
  if (lists.length === 1) return lists[0] as T[];
  const rows = new Map<number, T>();
  for (const found of lists.flat()) {
    if (found.score > (rows.get(found.row)?.score ?? Number.NEGATIVE_INFINITY)) rows.set(found.row, found);
  }
  return [...rows.values()].sort((a, b) => b.score - a.score || a.row - b.row).slice(0, k);
}

async function collected(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

function join(vectors: Float32Array[]): Float32Array {
  const dim = vectors[0]?.length ?? 0;
  const all = new Float32Array(vectors.length * dim);
  for (const [i, vector] of vectors.entries()) all.set(vector, i * dim);
  return all;
}

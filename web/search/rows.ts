// The engine's index and the table of its rows, which change together.
import type { LastingEngine } from '../engine/backend.js';
import { type EngineHandle, make } from '../engine/calls.js';
import type { SearchOptions, VectorIndexOptions } from '../engine/tools.js';
import { toVitreousError } from '../errors.js';
import { type Block, type Changes, type Header, joined, type StoredEntry, toBlocks } from './format.js';
import { Table } from './table.js';

/** Rows go to the engine, and come from it, in pieces of about this size. */
const AT_ONCE_BYTES = 1 << 22;

type Vectors = EngineHandle<'VectorIndex'>;

const optionsOf = ({ dim, metric, storage, keep }: Header): VectorIndexOptions => ({
  dim,
  metric,
  storage,
  keep,
});

export class Rows {
  readonly #engine: LastingEngine;
  /** Of the engine that has these rows. */
  readonly generation: number;
  readonly #header: Header;
  readonly #vectors: Vectors;
  #table = new Table();
  #approximate = false;
  /** Rows on their way to the engine, of many small batches. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  private constructor(engine: LastingEngine, generation: number, header: Header, vectors: Vectors) {
    this.#engine = engine;
    this.generation = generation;
    this.#header = header;
    this.#vectors = vectors;
  }

  static async create(engine: LastingEngine, header: Header): Promise<Rows> {
    const vectors = await make(engine, 'VectorIndex', optionsOf(header));
    return new Rows(engine, engine.generation, header, vectors); // which may have been started for this
  }

  get engine(): LastingEngine {
    return this.#engine;
  }

  get header(): Header {
    return this.#header;
  }

  get table(): Table {
    return this.#table;
  }

  /** Whether a search that need not be exact looks at a part of the rows. */
  get approximate(): boolean {
    return this.#approximate;
  }

  get vectors(): Vectors {
    return this.#vectors;
  }

  /**
   * The stored form of vectors; the index itself does not change yet.
   * @param vectors - (n, dim), of `entries`
   * @throws the engine's `INVALID_ARGUMENT` for vectors that cannot be in an index
   */
  async pack(entries: StoredEntry[], vectors: Float32Array): Promise<Block[]> {
    const staged = await make(this.#engine, 'VectorIndex', optionsOf(this.#header));
    try {
      await staged.add(vectors);
      const packed = await staged.packed(Int32Array.from(entries, (_, row) => row));
      return toBlocks(this.#table.numbers, entries, packed, this.#header.rowBytes);
    } finally {
      await staged.delete();
    }
  }

  /** The changes are visible to every search that is asked from now on, and to none before. */
  async apply({ cleared, removed, blocks = [], training }: Changes): Promise<void> {
    const work: Promise<unknown>[] = [];
    if (cleared || removed) {
      work.push(this.flush());
      const rows = cleared ? this.#table.removeAll() : this.#table.remove(removed as Uint32Array);
      if (rows.length > 0) work.push(this.#vectors.remove(rows));
      if (this.#table.size === 0) this.#approximate = false;
    }
    for (const { first, entries, packed } of blocks) {
      // In what a damaged log has left an older one of the same id may be there still.
      const older = entries
        .flatMap(({ id }) => this.#table.rowOf(id) ?? [])
        .map((row) => this.#table.number(row));
      if (older.length > 0) work.push(this.flush(), this.#vectors.remove(this.#table.remove(older)));
      this.#table.add(first, entries);
      this.#waiting.push(packed);
      this.#waitingBytes += packed.length;
      if (this.#waitingBytes >= AT_ONCE_BYTES) work.push(this.flush());
    }
    if (training) work.push(this.flush(), this.#restore(training));
    await Promise.all(work);
  }

  async #restore(training: Uint8Array): Promise<void> {
    try {
      await this.#vectors.restore(training);
      this.#approximate = true;
    } catch (error) {
      // Another version's is as good as none.
      if (toVitreousError(error).code !== 'INVALID_ARGUMENT') throw error;
    }
  }

  /** What the engine has learnt of its rows, if it has. */
  async training(): Promise<Uint8Array | undefined> {
    this.#approximate = await this.#vectors.trained();
    return this.#approximate ? this.#vectors.trainingState() : undefined;
  }

  /** Hands the engine what {@link apply} has gathered. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const packed = joined(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#vectors.addPacked(packed);
  }

  /** All that is there, in batches that make the same index. Rows that were removed are forgotten first. */
  async *snapshot(): AsyncGenerator<Changes> {
    if (this.#table.size < this.#table.rows) await this.#compact();
    const table = this.#table;
    const { rowBytes } = this.#header;
    const most = Math.max(1, Math.floor(AT_ONCE_BYTES / rowBytes));
    for (let first = 0; first < table.rows; first += most) {
      const rows = Int32Array.from({ length: Math.min(most, table.rows - first) }, (_, i) => first + i);
      const packed = await this.#now(() => this.#vectors.packed(rows));
      const entries = Array.from(rows, (row) => table.entry(row));
      yield { blocks: toBlocks(first, entries, packed, rowBytes) };
    }
    const training = await this.training();
    if (training) yield { training };
  }

  async #compact(): Promise<void> {
    await this.#now(() => {
      this.#table = this.#table.compacted();
      return this.#vectors.compact();
    });
  }

  /** (n, dim), as stored. */
  async vectorsOf(rows: number[]): Promise<Float32Array> {
    return this.#now(() => this.#vectors.vectors(Int32Array.from(rows)));
  }

  /**
   * @param queries - (q, dim)
   * @returns for each query entries and scores, best first
   */
  async search(
    queries: Float32Array,
    options: SearchOptions,
  ): Promise<{ row: number; entry: StoredEntry; score: number }[][]> {
    const table = this.#table;
    const count = queries.length / this.#header.dim;
    const { rows, scores } = await this.#now(() => this.#vectors.search(queries, options));
    const k = rows.length / count;
    return Array.from({ length: count }, (_, q) => {
      const found = [];
      for (let i = q * k; i < (q + 1) * k; i++) {
        const row = rows[i] as number;
        if (row >= 0) found.push({ row, entry: table.entry(row), score: scores[i] as number });
      }
      return found;
    });
  }

  /** Asks the engine, when it has been handed all that the table has. */
  async #now<T>(ask: () => Promise<T>): Promise<T> {
    const [, answer] = await Promise.all([this.flush(), ask()]);
    return answer;
  }

  async delete(): Promise<void> {
    await this.#vectors.delete();
  }
}

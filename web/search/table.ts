import type { StoredEntry } from './format.js';

/**
 * Ids and metadata by row of the engine's index. Rows are numbered in the order of adding, and keep their number until
 * {@link compacted} makes another table: who still has results of the old rows keeps the old table.
 */
export class Table {
  readonly #entries: StoredEntry[] = [];
  /** The entry's number in the log, by row; they rise. */
  readonly #numbers: number[] = [];
  readonly #removed = new Set<number>();
  readonly #rows = new Map<string, number>();
  #nextNumber = 0;

  /** How many entries there are, without those removed. */
  get size(): number {
    return this.#rows.size;
  }

  /** How many rows, with those removed. */
  get rows(): number {
    return this.#entries.length;
  }

  /** How many entries the log has, or had: the number of the next one. */
  get numbers(): number {
    return this.#nextNumber;
  }

  entry(row: number): StoredEntry {
    return this.#entries[row] as StoredEntry;
  }

  number(row: number): number {
    return this.#numbers[row] as number;
  }

  rowOf(id: string): number | undefined {
    return this.#rows.get(id);
  }

  has(row: number): boolean {
    return !this.#removed.has(row);
  }

  add(first: number, entries: StoredEntry[]): void {
    for (const [i, entry] of entries.entries()) {
      this.#rows.set(entry.id, this.#entries.length);
      this.#entries.push(entry);
      this.#numbers.push(first + i);
    }
    this.#nextNumber = first + entries.length;
  }

  /** @returns the rows of these entries, as far as they are there */
  remove(numbers: Iterable<number>): Int32Array {
    const rows: number[] = [];
    for (const number of numbers) {
      const row = this.#rowOfNumber(number);
      if (row === undefined || this.#removed.has(row)) continue;
      this.#removed.add(row);
      const { id } = this.entry(row);
      if (this.#rows.get(id) === row) this.#rows.delete(id);
      rows.push(row);
    }
    return Int32Array.from(rows);
  }

  removeAll(): Int32Array {
    return this.remove([...this.liveRows()].map((row) => this.number(row)));
  }

  /** From row `from` on, in order. */
  *liveRows(from = 0): Generator<number> {
    for (let row = from; row < this.rows; row++) if (this.has(row)) yield row;
  }

  /** The table after the engine's compaction, which numbers the rows anew in their order. The log is still the old one. */
  compacted(): Table {
    const table = new Table();
    for (const row of this.liveRows()) table.add(this.number(row), [this.entry(row)]);
    table.#nextNumber = this.#nextNumber;
    return table;
  }

  /** The log has been written anew, with these rows. */
  renumber(): void {
    for (let row = 0; row < this.rows; row++) this.#numbers[row] = row;
    this.#nextNumber = this.rows;
  }

  /** Numbers rise, but where some are missing they are not the rows. */
  #rowOfNumber(number: number): number | undefined {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#numbers[middle] as number) < number) low = middle + 1;
      else high = middle;
    }
    return this.#numbers[low] === number ? low : undefined;
  }
}

// The log and the rows in memory, which say the same: every change is on the disk before it is in memory.
import type { Calling, LastingEngine } from '../engine/backend.js';
import { compute } from '../engine/calls.js';
import { VitreousError } from '../errors.js';
import { type Changes, type Crc32, encodeBatch, encodeHeader, type Header } from './format.js';
import { LogReader, type Position, type Recovered } from './log.js';
import { Rows } from './rows.js';
import type { Storage } from './storage.js';

/** Below this many dead rows a compaction is not worth its while. */
const MIN_DEAD_ROWS = 64;

export interface JournalOptions {
  /** undefined: in memory only. */
  storage?: Storage | undefined;
  repair: boolean;
  readOnly: boolean;
  /** What is wrong with a header that was found, as an error; what a new log begins with. */
  check(header: Header): void;
  create(): Promise<Omit<Header, 'rowBytes'>>;
  onProgress?: ((loaded: number) => void) | undefined;
}

export class Journal {
  readonly header: Header;
  readonly recovered: Recovered | undefined;
  readonly #engine: LastingEngine;
  readonly #options: JournalOptions;
  #rows: Rows;
  /** Of the engine that has the rows. */
  #generation: number;
  #recovering: Promise<void> | undefined;
  #position: Position;
  #failure: unknown;
  /** Where the next compaction by itself is tried, after one that failed. */
  #compactAbove = MIN_DEAD_ROWS;

  private constructor(
    engine: LastingEngine,
    options: JournalOptions,
    parts: { header: Header; rows: Rows; position: Position; recovered: Recovered | undefined },
  ) {
    this.#engine = engine;
    this.#generation = parts.rows.generation;
    this.#options = options;
    this.header = parts.header;
    this.recovered = parts.recovered;
    this.#rows = parts.rows;
    this.#position = parts.position;
  }

  static async open(engine: LastingEngine, options: JournalOptions): Promise<Journal> {
    const { storage, readOnly, repair } = options;
    if (storage && !storage.fresh) {
      const { reader, ...parts } = await readAll(engine, storage, options);
      const recovered = reader.damaged ? reader.recovered : undefined;
      const journal = new Journal(engine, options, { ...parts, position: reader.position, recovered });
      if (recovered && !readOnly) {
        if (repair) await journal.compact();
        else await storage.truncate(reader.position.offset);
      }
      return journal;
    }
    if (readOnly) throw new VitreousError('NOT_FOUND', `There is no index ${storage?.name} yet.`);
    const header = { ...(await options.create()), rowBytes: 0 };
    const rows = await Rows.create(engine, header);
    header.rowBytes = await rows.vectors.rowBytes();
    const parts = { header, rows, recovered: undefined };
    const bytes = await encodeHeader(header, crcOf(engine));
    await storage?.replace(pieces([bytes]));
    return new Journal(engine, options, { ...parts, position: { offset: bytes.length, batch: 0 } });
  }

  /** @throws what an earlier change has failed with, when memory no longer has what the disk has */
  get rows(): Rows {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#rows;
  }

  /** To be awaited before the engine is asked for rows: one that was started anew gets them from the disk again. */
  ready(): Promise<void> {
    if (this.#engine.generation === this.#generation) return Promise.resolve();
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = undefined;
    });
    return this.#recovering;
  }

  async #recover(): Promise<void> {
    const { storage } = this.#options;
    if (!storage?.lasting) {
      throw new VitreousError(
        'WORKER_FAILED',
        'The engine has died, and with it the vectors of this index, which were in memory only. Call clear() and add them again, or open the index under a name or path: it then recovers by itself.',
      );
    }
    const { rows, reader } = await readAll(this.#engine, storage, {
      ...this.#options,
      onProgress: undefined,
    });
    if (reader.damaged && !this.#options.readOnly) await storage.truncate(reader.position.offset);
    this.#take(rows, reader.position);
  }

  #take(rows: Rows, position: Position): void {
    this.#rows = rows;
    this.#position = position;
    this.#failure = undefined;
    this.#generation = rows.generation;
  }

  /** Removes everything; also where it was in memory only, and is gone. */
  async clear(): Promise<void> {
    const lost = this.#engine.generation !== this.#generation;
    if (lost && !this.#options.storage?.lasting) {
      const { offset, batch } = this.#position;
      this.#take(await Rows.create(this.#engine, this.header), { offset, batch });
    } else {
      await this.ready();
      if (this.rows.table.size > 0) await this.write({ cleared: true });
    }
  }

  /** Resolves when the changes are on the disk and in memory; rejects when they are in neither. */
  async write(changes: Changes): Promise<void> {
    const { rows } = this;
    const { offset, batch } = this.#position;
    const records = await encodeBatch(changes, batch + 1, crcOf(this.#engine));
    await this.#options.storage?.append(records);
    this.#position = { offset: offset + sizeOf(records), batch: batch + 1 };
    try {
      await Promise.all([rows.apply(changes), rows.flush()]);
    } catch (error) {
      this.#failure = error;
      // On the disk it is: where the engine has died, that is what the next one reads.
      if (rows.generation === this.#engine.generation || !this.#options.storage?.lasting) throw error;
      await this.ready();
    }
  }

  /** Whether more than half of the log is of entries that are gone. */
  get wasteful(): boolean {
    const { table } = this.rows;
    const dead = table.numbers - table.size;
    return dead > this.#compactAbove && dead > table.size;
  }

  /**
   * Writes the log anew with what is there, and forgets the rest.
   * @throws `STORAGE_FULL`, and then everything is as before
   */
  async compact(): Promise<void> {
    const { rows } = this;
    const end: Position = { offset: 0, batch: 0 };
    try {
      await this.#options.storage?.replace(this.snapshot(end));
    } catch (error) {
      this.#compactAbove = 2 * rows.table.numbers;
      throw error;
    }
    rows.table.renumber();
    this.#position = end;
    this.#compactAbove = MIN_DEAD_ROWS;
  }

  /** The bytes of a log with what is there; `end` becomes the position behind it. */
  async *snapshot(end: Position = { offset: 0, batch: 0 }): AsyncGenerator<Uint8Array> {
    const crc = crcOf(this.#engine);
    const header = await encodeHeader(this.header, crc);
    end.offset = header.length;
    yield header;
    for await (const changes of this.rows.snapshot()) {
      const records = await encodeBatch(changes, ++end.batch, crc);
      end.offset += sizeOf(records);
      yield* records;
    }
  }

  /** Writes what the engine has learnt of its rows. It numbers them, so where the log has others it is written anew. */
  async keepTraining(): Promise<void> {
    const { table } = this.rows;
    const training = await this.rows.training();
    if (training === undefined) return;
    if (table.rows === table.numbers) await this.write({ training });
    else await this.compact();
  }

  /** What another tab or process has written since. Returns whether there was anything. */
  async refresh(): Promise<boolean> {
    const { storage } = this.#options;
    if (storage === undefined || !this.#options.readOnly) return false;
    if (await storage.replaced()) {
      const found = await readAll(this.#engine, storage, this.#options);
      const before = this.#rows;
      this.#take(found.rows, found.reader.position);
      await before.delete();
      return true;
    }
    const from = this.#position;
    const reader = new LogReader(storage.read(from.offset), readOptions(this.#engine, storage, false), from);
    for await (const changes of reader.batches()) {
      await this.#rows.apply(changes);
      this.#position = reader.position;
    }
    await this.#rows.flush();
    this.#position = reader.position;
    return this.#position.offset > from.offset;
  }

  async close(): Promise<void> {
    await this.#options.storage?.close();
    await this.#rows.delete();
  }
}

async function readAll(engine: LastingEngine, storage: Storage, options: JournalOptions) {
  for (;;) {
    const all = await readOnce(engine, storage, options);
    // A writer may have put another log in its place while it was read.
    if (!options.readOnly || !(await storage.replaced())) return all;
    await all.rows.delete();
  }
}

async function readOnce(engine: LastingEngine, storage: Storage, options: JournalOptions) {
  const { repair, check, onProgress } = options;
  const reader = new LogReader(storage.read(0), readOptions(engine, storage, repair));
  const header = await reader.header();
  check(header);
  const rows = await Rows.create(engine, header);
  try {
    if ((await rows.vectors.rowBytes()) !== header.rowBytes)
      throw new VitreousError(
        'INDEX_CORRUPT',
        `${storage.name} says that a row has ${header.rowBytes} bytes: it cannot.`,
      );
    for await (const changes of reader.batches()) {
      // Numbers are rows only as long as none are missing.
      const { training, ...rest } = changes;
      await rows.apply(reader.damaged ? rest : changes);
      onProgress?.(reader.position.offset);
    }
    await rows.flush();
  } catch (error) {
    await rows.delete();
    throw error;
  }
  return { header, rows, reader };
}

const readOptions = (engine: Calling, { name }: Storage, repair: boolean) => ({
  crc: crcOf(engine),
  repair,
  name,
});

/** Of a part of a larger buffer a copy is made: a worker would be sent all of it. */
const crcOf =
  (engine: Calling): Crc32 =>
  (bytes) =>
    compute(engine, 'crc32', bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice());

const sizeOf = (records: Uint8Array[]) => records.reduce((sum, { length }) => sum + length, 0);

export async function* pieces(parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

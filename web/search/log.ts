// Reading a log: whole batches in order, and what to make of damage.
import { VitreousError } from '../errors.js';
import {
  ALIGN,
  type Block,
  type Changes,
  type Crc32,
  decodeEntries,
  decodeHeader,
  decodeNumbers,
  decodeRecord,
  type Header,
  joined,
  MAGIC,
  type RawRecord,
  TYPE,
} from './format.js';

/** What was dropped when an index was opened: parts of batches, or of what stands before the first. */
export interface Recovered {
  /** Bytes of all those places. */
  bytes: number;
  /** Batches that were not whole: an `add`, `upsert` or `remove` each. What is intact of one in the middle stays. */
  batches: number;
  /** Ids of entries that were lost, as far as they could be read. */
  ids: string[];
  /** Where: from byte `from` to `to` of the log. */
  places: { from: number; to: number }[];
  /** Whether what a dropped batch removed or replaced may be back, as it was before. */
  uncertain: boolean;
}

export interface ReadOptions {
  crc: Crc32;
  /** Goes on behind damage. */
  repair: boolean;
  /** What to name in errors. */
  name: string;
}

/** A record whose checksum is right, and where it is. */
interface Placed extends RawRecord {
  start: number;
}

/** Where a log can be continued: behind its last whole batch. */
export interface Position {
  offset: number;
  /** The number of the last batch. */
  batch: number;
}

export class LogReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #options: ReadOptions;
  #buffer: Uint8Array = new Uint8Array(0);
  /** Where in the log the buffer begins. */
  #base: number;
  #ended = false;
  /** Behind the last batch that counts. */
  #position: Position;
  readonly recovered: Recovered = { bytes: 0, batches: 0, ids: [], places: [], uncertain: false };

  /** @param source - the log from `position` on */
  constructor(source: AsyncIterable<Uint8Array>, options: ReadOptions, position = { offset: 0, batch: 0 }) {
    this.#source = source[Symbol.asyncIterator]();
    this.#options = options;
    this.#base = position.offset;
    this.#position = position;
  }

  get position(): Position {
    return this.#position;
  }

  /** Whether anything was dropped. */
  get damaged(): boolean {
    return this.recovered.bytes > 0;
  }

  /** @throws `INDEX_CORRUPT` for damage there, unless it is to be repaired and can be */
  async header(): Promise<Header> {
    await this.#fill(MAGIC.length);
    const { repair, name } = this.#options;
    let at = MAGIC.length;
    if (MAGIC.some((byte, i) => this.#buffer[i] !== byte)) {
      if (!repair)
        throw new VitreousError('INDEX_CORRUPT', `${name} is not an index, or its first bytes are damaged.`);
      this.#dropped(0, at);
    }
    let header: Header | undefined;
    for (let copy = 0; copy < 2; copy++) {
      const record = await this.#recordAt(at);
      const right = record?.type === TYPE.header;
      if (!right && !repair) throw this.#corrupt(at);
      if (right) header ??= decodeHeader(record.payload);
      if (right) at += record.size;
      else {
        const next = await this.#next(at + ALIGN);
        const to = next?.start ?? this.#base + this.#buffer.length;
        this.#dropped(at, to);
        at = to;
      }
    }
    if (header === undefined) throw this.#corrupt(MAGIC.length);
    this.#drop(at);
    this.#position = { offset: at, batch: 0 };
    return header;
  }

  /**
   * The batches that count. Behind the last one there may be the part of one that was never acknowledged: it is dropped,
   * and stands in {@link recovered}.
   * @throws `INDEX_CORRUPT` for damage before the last batch, unless it is to be repaired
   */
  async *batches(): AsyncGenerator<Changes> {
    const { repair } = this.#options;
    let records: Placed[] = [];
    let bad: number | undefined; // where the first damage since the last good batch is
    for await (const record of this.#records()) {
      if (record === undefined) {
        bad ??= this.#base;
        continue;
      }
      records.push(record);
      if (record.type !== TYPE.commit) continue;
      const own = records.filter(({ batch }) => batch === record.batch);
      const whole = own.length === record.number + 1 && record.batch > this.#position.batch;
      const inOrder = record.batch === this.#position.batch + 1 && own.length === records.length;
      const end = record.start + record.size;
      if (whole && inOrder && bad === undefined) yield toChanges(own);
      else {
        // It was acknowledged, or there would be nothing behind it.
        if (!repair) throw this.#corrupt(bad ?? this.#position.offset);
        const lost = whole ? records.filter((other) => !own.includes(other)) : records;
        this.#lose(
          lost,
          whole ? (own[0] as Placed).start : end,
          record.batch - this.#position.batch - (whole ? 1 : 0),
        );
        yield* salvaged(lost);
        if (whole) yield toChanges(own);
      }
      this.#position = { offset: end, batch: record.batch };
      records = [];
      bad = undefined;
    }
    const end = this.#base + this.#buffer.length;
    const torn = new Set(records.map(({ batch }) => batch)).size;
    if (end > this.#position.offset) this.#lose(records, end, Math.max(1, torn), false);
  }

  /** Every record whose checksum is right; undefined in between where something is not. */
  async *#records(): AsyncGenerator<Placed | undefined> {
    for (;;) {
      const found = await this.#readAhead();
      for (const record of found) {
        this.#drop(record.start);
        yield record;
      }
      const last = found.at(-1);
      if (last) {
        this.#drop(last.start + last.size);
        continue;
      }
      if (this.#buffer.length === 0) return;
      yield undefined;
      const next = await this.#next(this.#base + ALIGN);
      if (next === undefined) return;
      this.#drop(next.start);
    }
  }

  /** The records that lie in the buffer one after the other, at least one if there is one; up to the first wrong one. */
  async #readAhead(): Promise<Placed[]> {
    await this.#raw(this.#base);
    const found: Placed[] = [];
    for (let at = 0; ; ) {
      const record = decodeRecord(this.#buffer, at);
      if (record === undefined || typeof record === 'number') break;
      found.push({ ...record, start: this.#base + at });
      at += record.size;
    }
    // All at once: where the engine is in a worker each question has a price.
    const right = await Promise.all(found.map((record) => this.#isRight(record)));
    const wrong = right.indexOf(false);
    return wrong < 0 ? found : found.slice(0, wrong);
  }

  /** The first record from `from` on whose checksum is right; what is before it is let go of. */
  async #next(from: number): Promise<Placed | undefined> {
    for (let place = from; await this.#fill(place - this.#base + ALIGN); ) {
      this.#drop(place);
      let at = 0;
      while (at + ALIGN <= this.#buffer.length && decodeRecord(this.#buffer, at) === undefined) at += ALIGN;
      place = this.#base + at;
      if (at + ALIGN > this.#buffer.length) continue;
      const record = await this.#recordAt(place);
      if (record) return record;
      place += ALIGN;
    }
    return undefined;
  }

  /** The record there, if its checksum is right. */
  async #recordAt(place: number): Promise<Placed | undefined> {
    const record = await this.#raw(place);
    return record && (await this.#isRight(record)) ? record : undefined;
  }

  /** The record there as it is; undefined if none begins there, or the log ends in it. */
  async #raw(place: number): Promise<Placed | undefined> {
    const at = place - this.#base;
    let record = decodeRecord(this.#buffer, at);
    while (typeof record === 'number') {
      if (!(await this.#fill(at + record))) return undefined;
      record = decodeRecord(this.#buffer, at);
    }
    return record && { ...record, start: place };
  }

  async #isRight({ covered, crc }: RawRecord): Promise<boolean> {
    return (await this.#options.crc(covered)) === crc;
  }

  /** Reads until the buffer has this many bytes. Returns false where the log ends before. */
  async #fill(bytes: number): Promise<boolean> {
    const parts = [this.#buffer];
    let have = this.#buffer.length;
    while (have < bytes && !this.#ended) {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else {
        parts.push(value);
        have += value.length;
      }
    }
    if (parts.length > 1) this.#buffer = joined(parts);
    return have >= bytes;
  }

  #drop(place: number): void {
    this.#buffer = this.#buffer.subarray(place - this.#base);
    this.#base = place;
  }

  #corrupt(offset: number): VitreousError {
    const { name } = this.#options;
    const after = this.#position.batch === 0 ? '' : `, after batch ${this.#position.batch}`;
    return new VitreousError(
      'INDEX_CORRUPT',
      `${name} is damaged at byte ${offset}${after}. Open it with { repair: true } to keep what is intact.`,
    );
  }

  #dropped(from: number, to: number): void {
    this.recovered.places.push({ from, to });
    this.recovered.bytes += to - from;
  }

  /** Notes what is dropped from the last good batch to `end`; `committed`: it had been acknowledged. */
  #lose(records: Placed[], end: number, batches: number, committed = true): void {
    const { recovered } = this;
    const from = this.#position.offset;
    this.#dropped(from, end);
    recovered.batches += batches;
    for (const [i, record] of records.entries()) {
      const kept = committed && isPair(record, records[i + 1]);
      if (record.type === TYPE.entries && !kept)
        recovered.ids.push(...decodeEntries(record.payload).map(({ id }) => id));
    }
    if (!committed) return;
    // Each batch says in all its records whether it removes, and has the removals twice.
    const seen = new Set(records.map(({ batch }) => batch));
    const removes = (type: number) => type === TYPE.remove || type === TYPE.clear;
    const known = [...seen].every((batch) => {
      const own = records.filter((record) => record.batch === batch);
      return own.some((record) => !record.removes || removes(record.type));
    });
    if (!known || seen.size < batches) recovered.uncertain = true;
  }
}

const isPair = (entries: Placed, vectors: Placed | undefined): boolean =>
  entries.type === TYPE.entries && vectors?.type === TYPE.vectors && vectors.number === entries.number;

function toChanges(records: Placed[]): Changes {
  const remove = records.find(({ type }) => type === TYPE.remove);
  const training = records.find(({ type }) => type === TYPE.training);
  const blocks: Block[] = [];
  for (const [i, record] of records.entries()) {
    const vectors = records[i + 1];
    if (!isPair(record, vectors)) continue;
    const packed = (vectors as Placed).payload;
    blocks.push({ first: record.number, entries: decodeEntries(record.payload), packed });
  }
  return {
    ...(records.some(({ type }) => type === TYPE.clear) && { cleared: true }),
    ...(remove && { removed: decodeNumbers(remove.payload) }),
    blocks,
    ...(training && { training: training.payload.slice() }),
  };
}

/** What is intact of batches that are not: what they removed, and entries with their vectors. */
function* salvaged(records: Placed[]): Generator<Changes> {
  for (const batch of new Set(records.map((record) => record.batch))) {
    const { training, ...rest } = toChanges(records.filter((record) => record.batch === batch));
    yield rest;
  }
}

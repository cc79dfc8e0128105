// The log in IndexedDB: a database for each index, the log cut into chunks, each batch one transaction.
import { VitreousError } from '../errors.js';
import { webLock } from '../weights/web_locks.js';
import { joined } from './format.js';
import type { Storage } from './storage.js';

const CHUNK_BYTES = 1 << 22;
const READ_AT_ONCE = 16;
// The generation of the log in `chunks`, whose keys are [generation, number]: a compaction makes the next one.
const LOG = 'log';
const CHUNKS = 'chunks';
const GENERATION = 'generation';

export interface BrowserOpenOptions {
  wait?: boolean;
  readOnly?: boolean;
  signal?: AbortSignal;
}

const databaseOf = (name: string) => `vitreous-index:${name}`;
const lockOf = (name: string) => `index:${name}`;

/** @throws `INDEX_LOCKED` where another tab writes; `UNSUPPORTED` without IndexedDB */
export async function openIndexedDb(
  name: string,
  { wait = false, readOnly = false, signal }: BrowserOpenOptions,
): Promise<Storage> {
  const release = readOnly ? () => {} : await lock(name, wait, signal);
  try {
    const storage = new IndexedDbStorage(name, await openDatabase(name), release);
    await storage.start(readOnly);
    return storage;
  } catch (error) {
    release();
    throw error;
  }
}

/** Deletes an index. @throws `INDEX_LOCKED` where it is in use */
export async function deleteIndexedDb(name: string): Promise<void> {
  const release = await lock(name, false, undefined);
  try {
    await settled(indexedDB.deleteDatabase(databaseOf(name)));
  } finally {
    release();
  }
}

async function lock(name: string, wait: boolean, signal: AbortSignal | undefined): Promise<() => void> {
  const release = await webLock(lockOf(name), 'exclusive', { wait, signal });
  if (release) return release;
  throw new VitreousError(
    'INDEX_LOCKED',
    `Another tab writes to the index '${name}'. Open it with { readOnly: true }, or { wait: true } until that tab closes it.`,
  );
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  if (globalThis.indexedDB === undefined)
    throw new VitreousError('UNSUPPORTED', 'This browser has no IndexedDB.');
  const request = indexedDB.open(databaseOf(name), 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(LOG);
    request.result.createObjectStore(CHUNKS);
  };
  const database = await settled(request).catch((cause) => {
    throw new VitreousError('UNSUPPORTED', `This browser keeps nothing here: ${cause.message}`, { cause });
  });
  database.onversionchange = () => database.close(); // it is being deleted
  return database;
}

class IndexedDbStorage implements Storage {
  readonly name: string;
  readonly lasting = true;
  readonly #database: IDBDatabase;
  readonly #release: () => void;
  readonly #channel: BroadcastChannel | undefined;
  #generation = 0;
  /** Where each chunk ends in the log, as far as it was read or written. */
  #ends: number[] = [];

  constructor(name: string, database: IDBDatabase, release: () => void) {
    this.name = name;
    this.#database = database;
    this.#release = release;
    this.#channel = globalThis.BroadcastChannel && new BroadcastChannel(databaseOf(name));
  }

  async start(readOnly: boolean): Promise<void> {
    this.#generation = await this.#current();
    // What a compaction has left that never came to its end.
    if (!readOnly) await this.#change([CHUNKS], (stores) => deleteOthers(stores, this.#generation));
  }

  get fresh(): boolean {
    return this.#generation === 0;
  }

  async *read(from: number): AsyncGenerator<Uint8Array> {
    if (from === 0) {
      this.#generation = await this.#current();
      this.#ends = [];
    }
    let n = this.#ends.findIndex((end) => end > from);
    if (n < 0) n = this.#ends.length;
    for (;;) {
      const range = IDBKeyRange.bound([this.#generation, n], [this.#generation, []]);
      const store = this.#database.transaction(CHUNKS).objectStore(CHUNKS);
      const chunks: Uint8Array[] = await settled(store.getAll(range, READ_AT_ONCE));
      if (chunks.length === 0) return;
      for (const chunk of chunks) {
        const start = this.#ends[n - 1] ?? 0;
        this.#ends[n] = start + chunk.length;
        n++;
        yield from > start ? chunk.subarray(from - start) : chunk;
      }
    }
  }

  async replaced(): Promise<boolean> {
    return (await this.#current()) !== this.#generation;
  }

  async append(parts: Uint8Array[]): Promise<void> {
    const chunks = chunked(parts);
    // `add` and not `put`: should another tab write in spite of the lock, this fails.
    await this.#change([CHUNKS], (stores) => {
      for (const [i, chunk] of chunks.entries())
        stores(CHUNKS).add(chunk, [this.#generation, this.#ends.length + i]);
    });
    for (const { length } of chunks) this.#ends.push((this.#ends.at(-1) ?? 0) + length);
    this.#channel?.postMessage('changed');
  }

  async replace(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const next = this.#generation + 1;
    const ends: number[] = [];
    let waiting: Uint8Array[] = [];
    const write = () => {
      const chunk = joined(waiting);
      waiting = [];
      ends.push((ends.at(-1) ?? 0) + chunk.length);
      return this.#change([CHUNKS], (stores) => stores(CHUNKS).add(chunk, [next, ends.length - 1]));
    };
    try {
      for await (const piece of pieces) {
        waiting.push(piece);
        if (waiting.reduce((sum, { length }) => sum + length, 0) >= CHUNK_BYTES) await write();
      }
      if (waiting.length > 0) await write();
      await this.#change([LOG, CHUNKS], (stores) => {
        stores(LOG).put(next, GENERATION);
        deleteOthers(stores, next);
      });
    } catch (error) {
      await this.#change([CHUNKS], (stores) => deleteOthers(stores, this.#generation)).catch(() => {});
      throw error;
    }
    this.#generation = next;
    this.#ends = ends;
    this.#channel?.postMessage('changed');
  }

  async truncate(size: number): Promise<void> {
    const n = this.#ends.findIndex((end) => end > size);
    if (n < 0) return;
    const start = this.#ends[n - 1] ?? 0;
    const key = [this.#generation, n];
    const cut: Uint8Array = await settled(this.#database.transaction(CHUNKS).objectStore(CHUNKS).get(key));
    await this.#change([CHUNKS], (stores) => {
      stores(CHUNKS).delete(IDBKeyRange.bound(key, [this.#generation, []]));
      if (size > start) stores(CHUNKS).add(cut.slice(0, size - start), key);
    });
    this.#ends.length = n;
    if (size > start) this.#ends.push(size);
  }

  watch(changed: () => void): void {
    if (this.#channel) this.#channel.onmessage = changed;
  }

  async close(): Promise<void> {
    this.#channel?.close();
    this.#database.close();
    this.#release();
  }

  async #current(): Promise<number> {
    return (await settled(this.#database.transaction(LOG).objectStore(LOG).get(GENERATION))) ?? 0;
  }

  /** One transaction: resolves when it is on the disk. */
  #change(names: string[], work: (stores: (name: string) => IDBObjectStore) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const transaction = this.#database.transaction(names, 'readwrite', { durability: 'strict' });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
      work((name) => transaction.objectStore(name));
    }).catch((cause) => {
      throw failure(this.name, cause);
    });
  }
}

function deleteOthers(stores: (name: string) => IDBObjectStore, generation: number): void {
  const chunks = stores(CHUNKS);
  chunks.delete(IDBKeyRange.upperBound([generation], true));
  chunks.delete(IDBKeyRange.lowerBound([generation, []], true));
}

/** Records that are small together, those that are large cut. */
function chunked(parts: Uint8Array[]): Uint8Array[] {
  const all = joined(parts);
  return Array.from({ length: Math.ceil(all.length / CHUNK_BYTES) }, (_, i) =>
    all.slice(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
  );
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function failure(name: string, cause: Error): VitreousError {
  if (cause instanceof VitreousError) return cause;
  if (cause.name === 'QuotaExceededError') {
    return new VitreousError(
      'STORAGE_FULL',
      `The browser gives no more room for the index '${name}'. Remove entries, or ask for more with navigator.storage.persist().`,
      { cause },
    );
  }
  if (cause.name === 'ConstraintError')
    return new VitreousError(
      'INDEX_LOCKED',
      `Another tab has written to the index '${name}'. Open it again.`,
      { cause },
    );
  return new VitreousError('INTERNAL', `The index '${name}' could not be written: ${cause.message}`, {
    cause,
  });
}

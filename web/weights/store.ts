// What the caches have in common: a file's bytes under a key, and beside them what is known of the file.

/** What is known of a cached file. Headers of the request, such as tokens, are never among it. */
export interface Manifest {
  url: string;
  /** Bytes of the whole file, where known. */
  size: number | undefined;
  /** Of the whole file, hex: the hub's record, or what was seen at the first load. */
  sha256: string | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  /** Whole, verified, and taken by the engine. Until then the bytes are a part that a later load may continue. */
  complete: boolean;
  /** Milliseconds since 1970. */
  lastUsed: number;
}

export interface StoredFile {
  key: string;
  /** undefined: it was damaged. */
  manifest: Manifest | undefined;
  bytes: number;
}

export interface Writer {
  /** Resolves when the bytes need not stay any longer. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export type LockMode = 'shared' | 'exclusive';

/** Any method may reject: a cache is a help, never a condition. */
export interface Store {
  manifest(key: string): Promise<Manifest | undefined>;
  setManifest(key: string, manifest: Manifest): Promise<void>;
  /** Bytes that are there of a file. */
  size(key: string): Promise<number>;
  /** Each piece is valid until the next one is asked for. */
  read(key: string): AsyncIterable<Uint8Array>;
  /** Goes on after the bytes that are there, or with `anew` from the start. */
  write(key: string, anew: boolean): Promise<Writer>;
  /** Returns the bytes that it freed. */
  delete(key: string): Promise<number>;
  list(): Promise<StoredFile[]>;
  /**
   * Among all tabs or processes. Returns the release, or undefined when others hold it and `wait` is false.
   * @throws `ABORTED`
   */
  lock(
    key: string,
    mode: LockMode,
    options: { wait: boolean; signal?: AbortSignal | undefined },
  ): Promise<(() => void) | undefined>;
}

/** A file in the cache. */
export interface CacheEntry {
  url: string;
  /** Bytes that it takes. */
  bytes: number;
  /** Bytes of the whole file, where known. */
  size: number | undefined;
  sha256: string | undefined;
  /** false: a part, which the next load continues. */
  complete: boolean;
  /** Milliseconds since 1970. */
  lastUsed: number;
}

/** The name of a URL's file. The fragment is not part of what a server is asked for. */
export const keyUrl = (url: string) => url.replace(/#.*$/, '');

/** What a store has of these keys, for its list(). */
export function storedFiles(store: Store, keys: Iterable<string>): Promise<StoredFile[]> {
  return Promise.all(
    [...keys].map(async (key) => ({
      key,
      manifest: await store.manifest(key),
      bytes: await store.size(key),
    })),
  );
}

export async function listStore(store: Store): Promise<CacheEntry[]> {
  const files = await store.list();
  return files.flatMap(({ manifest, bytes }) => {
    if (manifest === undefined) return [];
    const { url, size, sha256, complete, lastUsed } = manifest;
    return [{ url, bytes, size, sha256, complete, lastUsed }];
  });
}

/** Deletes the files that `matches` says, damaged ones with all; those that are being loaded stay. */
export async function deleteFromStore(
  store: Store,
  matches: ((url: string) => boolean) | undefined,
): Promise<number> {
  let freed = 0;
  for (const { key, manifest } of await store.list()) {
    if (matches === undefined || (manifest !== undefined && matches(manifest.url))) {
      freed += await deleteUnused(store, key);
    }
  }
  return freed;
}

/**
 * Makes room: deletes the files used longest ago until all take `budget` bytes at most.
 * @returns whether they do
 */
export async function trim(store: Store, budget: number): Promise<boolean> {
  const files = await store.list();
  files.sort((a, b) => (a.manifest?.lastUsed ?? 0) - (b.manifest?.lastUsed ?? 0));
  let used = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { key } of files) {
    if (used <= budget) break;
    used -= await deleteUnused(store, key);
  }
  return used <= budget;
}

async function deleteUnused(store: Store, key: string): Promise<number> {
  const release = await store.lock(key, 'exclusive', { wait: false });
  if (release === undefined) return 0;
  try {
    return await store.delete(key);
  } finally {
    release();
  }
}

/** A manifest as it was written, or undefined if that was cut short. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(text);
    return typeof manifest?.url === 'string' ? manifest : undefined;
  } catch {
    return undefined;
  }
}

let warned = false;

/** Says once that nothing is kept, and why. The load goes on. */
export function warnNoCache(cause: unknown): void {
  if (warned) return;
  warned = true;
  console.warn(
    `vitreous: weights are not kept: ${(cause as Error)?.message ?? cause}. Loading goes on without a cache.`,
  );
}

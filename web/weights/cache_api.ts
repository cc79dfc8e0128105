// The cache in the Cache API, for pages that run the engine on their own thread and browsers without the origin private
// file system. A file is a row of entries, each named by where it starts, so that it can be continued.
import { parseManifest, type Store, type StoredFile, storedFiles } from './store.js';
import { webLock } from './web_locks.js';

const CHUNK_BYTES = 1 << 23;
const BASE = 'https://vitreous.invalid/'; // entries need an address; nobody is asked for it
const SIZE = 'x-size';

/** Undefined where there is no Cache API: pages that are not served over https. */
export async function cacheApiStore(): Promise<Store | undefined> {
  return globalThis.caches === undefined ? undefined : new CacheApiStore(await caches.open('vitreous'));
}

class CacheApiStore implements Store {
  readonly lock = webLock;
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async manifest(key: string) {
    const response = await this.#cache.match(`${BASE}${key}/manifest`);
    return response && parseManifest(await response.text());
  }

  async setManifest(key: string, manifest: object): Promise<void> {
    await this.#cache.put(`${BASE}${key}/manifest`, new Response(JSON.stringify(manifest)));
  }

  async size(key: string): Promise<number> {
    let at = 0;
    for await (const { size } of this.#chunks(key)) at += size;
    return at;
  }

  async *read(key: string) {
    for await (const { response } of this.#chunks(key)) yield new Uint8Array(await response.arrayBuffer());
  }

  async write(key: string, anew: boolean) {
    if (anew) await this.#deleteChunks(key);
    const cache = this.#cache;
    let at = await this.size(key);
    let filled = 0;
    const buffer = new Uint8Array(CHUNK_BYTES);
    const put = async () => {
      if (filled === 0) return;
      const headers = { [SIZE]: String(filled) };
      await cache.put(`${BASE}${key}/${at}`, new Response(buffer.slice(0, filled), { headers }));
      at += filled;
      filled = 0;
    };
    return {
      async write(bytes: Uint8Array) {
        for (let from = 0; from < bytes.length; ) {
          const piece = bytes.subarray(from, from + CHUNK_BYTES - filled);
          buffer.set(piece, filled);
          filled += piece.length;
          from += piece.length;
          if (filled === CHUNK_BYTES) await put();
        }
      },
      close: put,
    };
  }

  async delete(key: string): Promise<number> {
    const freed = await this.#deleteChunks(key);
    await this.#cache.delete(`${BASE}${key}/manifest`);
    return freed;
  }

  async list(): Promise<StoredFile[]> {
    const names = (await this.#cache.keys()).map(({ url }) => url.slice(BASE.length).split('/')[0] as string);
    return storedFiles(this, new Set(names));
  }

  async *#chunks(key: string) {
    for (let at = 0; ; ) {
      const url = `${BASE}${key}/${at}`;
      const response = await this.#cache.match(url);
      if (response === undefined) return;
      const size = Number(response.headers.get(SIZE));
      yield { url, response, size };
      at += size;
    }
  }

  async #deleteChunks(key: string): Promise<number> {
    const found: { url: string; size: number }[] = [];
    for await (const chunk of this.#chunks(key)) found.push(chunk);
    // From the end, so that what a deletion cut short leaves can still be counted and continued.
    for (const { url } of found.reverse()) await this.#cache.delete(url);
    return found.reduce((sum, { size }) => sum + size, 0);
  }
}

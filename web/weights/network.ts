import { cacheApiStore } from './cache_api.js';
import { canWriteOpfs, opfsStore } from './opfs.js';
import type { Network } from './remote.js';
import { sha256, sha256Hex } from './sha256.js';
import { keyUrl, type Store, warnNoCache } from './store.js';

/** What a browser has: the origin private file system in a dedicated worker, the Cache API elsewhere. */
export async function browserNetwork(): Promise<Network> {
  return { store: await browserStore(), sha256, key: (url) => sha256Hex(keyUrl(url)).slice(0, 32) };
}

async function browserStore(): Promise<Store | undefined> {
  let reason: unknown = 'this page has no storage; serve it over https';
  for (const open of canWriteOpfs() ? [opfsStore, cacheApiStore] : [cacheApiStore]) {
    try {
      const store = await open();
      if (store) return store;
    } catch (error) {
      reason = error; // private windows refuse here
    }
  }
  warnNoCache(reason);
  return undefined;
}

/** All stores of this origin, to list and to delete in. */
export async function browserStores(): Promise<Store[]> {
  const stores = await Promise.all([opfsStore, cacheApiStore].map((open) => open().catch(() => undefined)));
  return stores.filter((store) => store !== undefined);
}

// The cache as its user sees it.
import { env } from './settings.js';
import { hubUrl } from './weights/find.js';
import { hubRepo } from './weights/names.js';
import { type CacheEntry, deleteFromStore, keyUrl, listStore, type Store } from './weights/store.js';

export async function listStores(stores: Store[]): Promise<CacheEntry[]> {
  return (await Promise.all(stores.map(listStore))).flat();
}

export async function deleteFromStores(stores: Store[], nameOrUrl: string | URL | undefined) {
  const matches = nameOrUrl === undefined ? undefined : matcher(String(nameOrUrl));
  const freed = await Promise.all(stores.map((store) => deleteFromStore(store, matches)));
  return freed.reduce((sum, bytes) => sum + bytes, 0);
}

/** What belongs to a model's name, in any revision, or to the URL of a file or folder. */
function matcher(nameOrUrl: string): (url: string) => boolean {
  if (/^https?:/.test(nameOrUrl)) {
    const own = keyUrl(nameOrUrl);
    const folder = own.replace(/\/?$/, '/');
    return (url) => url === own || url.startsWith(folder);
  }
  // Neither can be in an address as it is.
  const [revision, file] = ['<revision>', '<file>'];
  const template = hubUrl({ repo: hubRepo(nameOrUrl), revision, file }, env);
  const escaped = template.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`${escaped.replace(revision, '[^/]+').replace(file, '[^/]+')}$`);
  return (url) => pattern.test(url);
}

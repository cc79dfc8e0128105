// The cache in Node: a folder, with KEY for a file's bytes, KEY.json for its manifest, KEY.lock while it is loaded.
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Manifest, Store, StoredFile, Writer } from '../weights/store.js';
import { parseManifest, storedFiles } from '../weights/store.js';
import { fileLock } from './lock.js';
import { readPieces } from './weights.js';

/** `VITREOUS_CACHE`, else the folder that the platform has for caches. */
function cacheFolder(): string {
  const { VITREOUS_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (VITREOUS_CACHE) return VITREOUS_CACHE;
  if (process.platform === 'win32')
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'vitreous');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'vitreous');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'vitreous');
}

export async function folderStore(): Promise<Store> {
  const folder = cacheFolder();
  await mkdir(folder, { recursive: true });
  return new FolderStore(folder);
}

class FolderStore implements Store {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async manifest(key: string): Promise<Manifest | undefined> {
    const text = await readFile(this.#path(`${key}.json`), 'utf8').catch(ifMissing(undefined));
    return text === undefined ? undefined : parseManifest(text);
  }

  async setManifest(key: string, manifest: Manifest): Promise<void> {
    const temporary = this.#path(`${key}.json.${process.pid}.tmp`);
    await writeFile(temporary, JSON.stringify(manifest));
    await rename(temporary, this.#path(`${key}.json`)); // all of it or nothing
  }

  async size(key: string): Promise<number> {
    return (await stat(this.#path(key)).catch(ifMissing(undefined)))?.size ?? 0;
  }

  read(key: string): AsyncIterable<Uint8Array> {
    return readPieces(this.#path(key));
  }

  async write(key: string, anew: boolean): Promise<Writer> {
    const file = await open(this.#path(key), anew ? 'w' : 'a');
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
      },
      close: () => file.close(),
    };
  }

  async delete(key: string): Promise<number> {
    const bytes = await this.size(key);
    for (const name of [key, `${key}.json`]) await rm(this.#path(name), { force: true });
    return bytes;
  }

  async list(): Promise<StoredFile[]> {
    const names = (await readdir(this.#folder)).filter((name) => /^[0-9a-f]{32}(\.json)?$/.test(name));
    const keys = new Set(names.map((name) => name.slice(0, 32)));
    return storedFiles(this, keys);
  }

  // A file that is open stays readable when it is deleted: readers need no lock.
  lock: Store['lock'] = async (key, mode, options) =>
    mode === 'shared' ? () => {} : fileLock(this.#path(`${key}.lock`), options);

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function ifMissing<T>(value: T) {
  return (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}

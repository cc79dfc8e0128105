// The cache in the origin private file system: FILE holds the bytes, FILE.json the manifest.
import { parseManifest, type Store, type StoredFile, storedFiles } from './store.js';
import { webLock } from './web_locks.js';

const PIECE_BYTES = 1 << 20;
const FLUSH_BYTES = 1 << 24;
const MANIFEST_BLOCK = 1024;

// `mode` is newer than the type: https://fs.spec.whatwg.org/#enumdef-filesystemsyncaccesshandlemode
type OpenHandle = (options?: { mode: 'read-only' | 'readwrite' }) => Promise<FileSystemSyncAccessHandle>;
const open = (file: FileSystemFileHandle, mode: 'read-only' | 'readwrite') =>
  (file.createSyncAccessHandle as OpenHandle).call(file, { mode });

/** Bytes are written in dedicated workers only; a page may list and delete. Undefined where there is no such system. */
export async function opfsStore(): Promise<Store | undefined> {
  if (globalThis.navigator?.storage?.getDirectory === undefined) return undefined;
  const root = await navigator.storage.getDirectory();
  return new OpfsStore(await root.getDirectoryHandle('vitreous', { create: true }));
}

/** Whether this thread may write to it. */
export const canWriteOpfs = () =>
  typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;

class OpfsStore implements Store {
  readonly lock = webLock;
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async manifest(key: string) {
    const file = await this.#file(`${key}.json`);
    return file && parseManifest(await file.text());
  }

  async setManifest(key: string, manifest: object): Promise<void> {
    // Spaces up to a full block: a new manifest is then as long as the old one, and one write replaces it.
    const json = JSON.stringify(manifest);
    const bytes = new TextEncoder().encode(
      json.padEnd(Math.ceil(json.length / MANIFEST_BLOCK) * MANIFEST_BLOCK),
    );
    const handle = await open(await this.#folder.getFileHandle(`${key}.json`, { create: true }), 'readwrite');
    try {
      handle.write(bytes, { at: 0 });
      handle.truncate(bytes.length);
      handle.flush();
    } finally {
      handle.close();
    }
  }

  async size(key: string): Promise<number> {
    return (await this.#file(key))?.size ?? 0;
  }

  async *read(key: string) {
    const file = await this.#folder.getFileHandle(key);
    let handle: FileSystemSyncAccessHandle;
    try {
      handle = await open(file, 'read-only');
    } catch {
      yield* slices(await file.getFile()); // another tab reads, in a browser where only one may
      return;
    }
    try {
      const buffer = new Uint8Array(PIECE_BYTES);
      for (let at = 0; ; ) {
        const count = handle.read(buffer, { at });
        if (count === 0) return;
        at += count;
        yield buffer.subarray(0, count);
      }
    } finally {
      handle.close();
    }
  }

  async write(key: string, anew: boolean) {
    const handle = await open(await this.#folder.getFileHandle(key, { create: true }), 'readwrite');
    if (anew) handle.truncate(0);
    let at = handle.getSize();
    let flushed = at;
    return {
      async write(bytes: Uint8Array) {
        const count = handle.write(bytes as Uint8Array<ArrayBuffer>, { at });
        if (count !== bytes.length) throw new Error('the browser’s storage is full');
        at += count;
        if (at - flushed < FLUSH_BYTES) return;
        handle.flush();
        flushed = at;
      },
      async close() {
        try {
          handle.flush();
        } finally {
          handle.close();
        }
      },
    };
  }

  async delete(key: string): Promise<number> {
    const bytes = await this.size(key);
    for (const name of [key, `${key}.json`]) {
      await this.#folder.removeEntry(name).catch((error) => {
        if (error.name !== 'NotFoundError') throw error;
      });
    }
    return bytes;
  }

  async list(): Promise<StoredFile[]> {
    const keys = new Set<string>();
    for await (const name of this.#folder.keys()) keys.add(name.replace(/\.json$/, ''));
    return storedFiles(this, keys);
  }

  async #file(name: string): Promise<File | undefined> {
    try {
      return await (await this.#folder.getFileHandle(name)).getFile();
    } catch (error) {
      if ((error as Error).name === 'NotFoundError') return undefined;
      throw error;
    }
  }
}

async function* slices(file: File) {
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    yield new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
  }
}

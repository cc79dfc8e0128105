// The log of an index in a file. FILE.lock is there while a process writes, FILE.compact while it is written anew.
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VitreousError } from '../errors.js';
import { joined } from '../search/format.js';
import type { Storage } from '../search/storage.js';
import { fileLock } from './lock.js';

const PIECE_BYTES = 1 << 20;

export interface FileOpenOptions {
  wait?: boolean;
  readOnly?: boolean;
  signal?: AbortSignal;
}

/** @throws `INDEX_LOCKED` where another process writes; `WRITE_FAILED` */
export async function openFileStorage(
  path: string,
  { wait = false, readOnly = false, signal }: FileOpenOptions,
): Promise<Storage> {
  // A link stays a link when what it leads to is written anew.
  const file = await realpath(path).catch(() => path);
  const release = readOnly ? () => {} : await lock(file, wait, signal);
  try {
    if (!readOnly) await rm(`${file}.compact`, { force: true });
    return new FileStorage(file, await openLog(file, readOnly), readOnly, release);
  } catch (error) {
    release();
    throw failure(file, error);
  }
}

async function lock(path: string, wait: boolean, signal: AbortSignal | undefined): Promise<() => void> {
  const release = await fileLock(`${path}.lock`, { wait, signal }).catch((error) => {
    throw failure(path, error);
  });
  if (release) return release;
  throw new VitreousError(
    'INDEX_LOCKED',
    `Another process writes to ${path}. Open it with { readOnly: true }, or { wait: true } until that one closes it.`,
  );
}

async function openLog(path: string, readOnly: boolean): Promise<FileHandle | undefined> {
  return open(path, readOnly ? 'r' : 'r+').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

class FileStorage implements Storage {
  readonly name: string;
  readonly lasting = true;
  readonly #readOnly: boolean;
  readonly #release: () => void;
  /** undefined: there is no file yet. It stays open, so that a file in its place cannot look like it. */
  #handle: FileHandle | undefined;

  constructor(path: string, handle: FileHandle | undefined, readOnly: boolean, release: () => void) {
    this.name = path;
    this.#handle = handle;
    this.#readOnly = readOnly;
    this.#release = release;
  }

  get fresh(): boolean {
    return this.#handle === undefined;
  }

  async *read(from: number): AsyncGenerator<Uint8Array> {
    if (from === 0 && this.#readOnly) {
      await this.#handle?.close();
      this.#handle = await openLog(this.name, true);
    }
    const handle = this.#handle;
    for (let at = from; handle; ) {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(PIECE_BYTES), 0, PIECE_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async replaced(): Promise<boolean> {
    const now = await stat(this.name).catch(() => undefined);
    const own = await this.#handle?.stat();
    return now !== undefined && (now.ino !== own?.ino || now.dev !== own.dev);
  }

  async append(parts: Uint8Array[]): Promise<void> {
    const handle = this.#handle as FileHandle;
    const { size } = await handle.stat();
    if (await this.replaced())
      throw new VitreousError('INDEX_LOCKED', `Another process has written to ${this.name}. Open it again.`);
    try {
      await writeAll(handle, joined(parts), size);
      await handle.datasync();
    } catch (error) {
      await handle.truncate(size).catch(() => {}); // else the next opening drops it
      throw failure(this.name, error);
    }
  }

  async replace(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await replaceFile(this.name, pieces);
    await this.#handle?.close();
    this.#handle = await openLog(this.name, false);
  }

  async truncate(size: number): Promise<void> {
    const handle = this.#handle as FileHandle;
    try {
      await handle.truncate(size);
      await handle.sync();
    } catch (error) {
      throw failure(this.name, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#release();
  }
}

/** Writes a file anew: until all of it is on the disk, what was there stays. @throws `STORAGE_FULL`, `WRITE_FAILED` */
export async function replaceFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.compact`;
  try {
    const handle = await open(temporary, 'w');
    try {
      let size = 0;
      for await (const piece of pieces) {
        await writeAll(handle, piece, size);
        size += piece.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw failure(path, error);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

/** The new name is on the disk when its folder is. Windows knows no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function failure(path: string, error: unknown): Error {
  if (error instanceof VitreousError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code))
    return new VitreousError('STORAGE_FULL', `There is no room for more in ${path} (${code}).`, {
      cause: error,
    });
  return new VitreousError('WRITE_FAILED', `${path} could not be opened or written: ${message}`, {
    cause: error,
  });
}

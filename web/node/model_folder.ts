import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VitreousError } from '../errors.js';
import { safetensorsMetadata } from './metadata.js';

const WEIGHTS = 'model.safetensors';
const FILES = ['config.json', 'labels.txt', WEIGHTS];

/** Why a model must not be written into this folder, a sentence; undefined if it may. */
export async function folderObstacle(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    throw cannotWrite(folder, error);
  });
  if (names.length === 0) return undefined;
  const known = names.every((name) => FILES.includes(name)) && names.includes(WEIGHTS);
  if (known && (await safetensorsMetadata(join(folder, WEIGHTS))).producer === 'vitreous convert')
    return undefined;
  return `${folder} is not empty, and not a model that vitreous convert made.`;
}

const cannotWrite = (path: string, cause: Error) =>
  new VitreousError('WRITE_FAILED', `${path} cannot be written: ${cause.message}.`, { cause });

/** A model folder that is being written. Its files get their names when all are complete; until then, nothing is changed. */
export class ModelFolderWriter {
  readonly #folder: string;
  /** The topmost folder that had to be made. */
  readonly #made: string | undefined;
  readonly #open = new Map<string, FileHandle>();

  private constructor(folder: string, made: string | undefined) {
    this.#folder = folder;
    this.#made = made;
  }

  /** @throws `WRITE_FAILED`, as all methods do */
  static async create(folder: string): Promise<ModelFolderWriter> {
    const made = await mkdir(folder, { recursive: true }).catch((error) => {
      throw cannotWrite(folder, error);
    });
    return new ModelFolderWriter(folder, made);
  }

  /** Bytes of the file `name` from `offset` on. */
  async write(name: string, bytes: Uint8Array, offset = 0): Promise<void> {
    const path = this.#part(name);
    try {
      let file = this.#open.get(name);
      if (file === undefined) {
        file = await open(path, 'w');
        this.#open.set(name, file);
      }
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    } catch (error) {
      throw cannotWrite(path, error as Error);
    }
  }

  async commit(): Promise<void> {
    try {
      for (const file of this.#open.values()) {
        await file.sync();
        await file.close();
      }
      for (const name of this.#open.keys()) await rename(this.#part(name), join(this.#folder, name));
      // Labels of a model that was here before are not this one's.
      if (!this.#open.has('labels.txt')) await rm(join(this.#folder, 'labels.txt'), { force: true });
    } catch (error) {
      throw cannotWrite(this.#folder, error as Error);
    }
  }

  /** Takes back everything, also the folders that were made. */
  async discard(): Promise<void> {
    for (const [name, file] of this.#open) {
      await file.close().catch(() => {});
      await rm(this.#part(name), { force: true });
    }
    if (this.#made === undefined) return;
    for (let folder = this.#folder; ; folder = dirname(folder)) {
      await rmdir(folder).catch(() => {}); // someone else's file in it keeps it
      if (folder.length <= this.#made.length) break;
    }
  }

  #part(name: string): string {
    return join(this.#folder, `${name}.part`);
  }
}

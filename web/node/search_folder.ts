// Folders of images into an index.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { VitreousError } from '../errors.js';
import {
  type CollectionItem,
  type CollectionOptions,
  type CollectionResult,
  indexCollection,
} from '../search/collection.js';
import type { SearchIndex } from '../search/search_index.js';
import { isImageName } from '../search/sources.js';

/** Options of going through a folder. */
export type FolderOptions = Omit<CollectionOptions, 'total' | 'within'>;

/**
 * Makes the index hold the images of these folders and their subfolders, by their endings. An entry's id is the folder as
 * given, joined with the path in it; entries of other folders stay.
 * @throws `NOT_FOUND` for a folder that cannot be read: nothing is removed then; and what {@link indexCollection} throws
 */
export async function indexFolder(
  index: SearchIndex,
  folders: string | string[],
  options: FolderOptions = {},
): Promise<CollectionResult> {
  const list = [folders].flat();
  const paths: string[] = [];
  for (const folder of list) paths.push(...(await imagesIn(folder)));
  return indexCollection(index, files(paths), {
    ...options,
    total: paths.length,
    within: (id) => list.some((folder) => isIn(folder, id)),
  });
}

function isIn(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return !isAbsolute(inside) && inside.split(sep)[0] !== '..';
}

async function imagesIn(folder: string): Promise<string[]> {
  try {
    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => !entry.isDirectory() && isImageName(entry.name))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .sort();
  } catch (cause) {
    const { message } = cause as Error;
    throw new VitreousError('NOT_FOUND', `The folder ${folder} could not be read: ${message}`, { cause });
  }
}

async function* files(paths: string[]): AsyncGenerator<CollectionItem> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    // A link into nowhere, or a file that is gone since: opening it says so.
    const size = found?.size ?? -1;
    yield { id: path, size, modified: found?.mtimeMs ?? -1, sha256: () => digestOf(path), image: path };
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Search by image in Node: the same API; a stored index is a file.
 * @packageDocumentation
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { VitreousError } from '../errors.js';
import { loadBytes } from '../search/memory.js';
import { openParts } from '../search/open.js';
import { SearchIndex } from '../search/search_index.js';
import type { IndexOptions, OpenIndexOptions, StoredIndexOptions } from '../search/types.js';
import { createBackend } from './host.js';
import { openFileStorage, replaceFile } from './search_file.js';

export { type ErrorCode, VitreousError } from '../errors.js';
export {
  type CollectionItem,
  type CollectionOptions,
  type CollectionProgress,
  type CollectionResult,
  indexCollection,
} from '../search/collection.js';
export type {
  Cluster,
  Clustering,
  ClusterOptions,
  Duplicate,
  DuplicateGroupOptions,
  DuplicateOptions,
} from '../search/groups.js';
export type { Recovered } from '../search/log.js';
export type { IndexMap, MapOptions, Umap, UmapConstructor } from '../search/map.js';
export type { ScanOptions, ScanProgress } from '../search/neighbours.js';
export { SearchIndex } from '../search/search_index.js';
export type * from '../search/types.js';
export { type FolderOptions, type FolderResult, indexFolder } from './search_folder.js';

/** As in a browser, see there. */
export class ImageIndex extends SearchIndex {
  /**
   * Opens an index in a file, or makes it. One process at a time writes; one that is killed loses at most what was not yet
   * acknowledged.
   * @throws `INDEX_LOCKED`, `INDEX_MISMATCH`, `INDEX_CORRUPT`, `NOT_FOUND` (`readOnly`, and there is none), `WRITE_FAILED`
   */
  static async open({ path, ...options }: OpenIndexOptions & { path: string | URL }): Promise<ImageIndex> {
    return new ImageIndex(
      await openParts(createBackend, await openFileStorage(pathOf(path), options), options),
    );
  }

  /** As in a browser, see there. */
  static async create(options: IndexOptions): Promise<ImageIndex> {
    return new ImageIndex(await openParts(createBackend, undefined, options));
  }

  /**
   * Writes a copy of the index into a file, for {@link ImageIndex.load} or {@link ImageIndex.open}. A file that is there is
   * replaced when the copy is whole. @throws `STORAGE_FULL`, `WRITE_FAILED`
   */
  saveFile(path: string | URL): Promise<void> {
    return this.written((pieces) => replaceFile(pathOf(path), pieces));
  }

  /** As in a browser, and from a path: a copy in memory, for which no lock is needed. */
  static async load(
    source: Uint8Array | ArrayBuffer | Blob | string | URL,
    options: StoredIndexOptions = {},
  ): Promise<ImageIndex> {
    const isPath = typeof source === 'string' || source instanceof URL;
    const storage = loadBytes(isPath ? await read(pathOf(source)) : source);
    return new ImageIndex(await openParts(createBackend, storage, options));
  }
}

function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause) => {
    throw new VitreousError('NOT_FOUND', `${path} could not be read: ${cause.message}`, { cause });
  });
}

const pathOf = (path: string | URL) => (path instanceof URL ? fileURLToPath(path) : path);

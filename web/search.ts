/**
 * Search by image: an index of photos, or of vectors, that stays in the browser.
 * @packageDocumentation
 */
import { createBackend } from './host.js';
import { type CollectionOptions, type CollectionResult, indexCollection } from './search/collection.js';
import { writeInto } from './search/file.js';
import { deleteIndexedDb, openIndexedDb } from './search/indexeddb.js';
import { loadBytes } from './search/memory.js';
import { openParts } from './search/open.js';
import { SearchIndex } from './search/search_index.js';
import { type ImageSource, itemsOf } from './search/sources.js';
import type { IndexOptions, OpenIndexOptions, StoredIndexOptions } from './search/types.js';

export { type ErrorCode, VitreousError } from './errors.js';
export {
  type CollectionItem,
  type CollectionOptions,
  type CollectionProgress,
  type CollectionResult,
  indexCollection,
} from './search/collection.js';
export type {
  Cluster,
  Clustering,
  ClusterOptions,
  Duplicate,
  DuplicateGroupOptions,
  DuplicateOptions,
} from './search/groups.js';
export type { Recovered } from './search/log.js';
export type { IndexMap, MapOptions, Umap, UmapConstructor } from './search/map.js';
export type { ScanOptions, ScanProgress } from './search/neighbours.js';
export { SearchIndex } from './search/search_index.js';
export type { ImageSource } from './search/sources.js';
export type * from './search/types.js';

/**
 * An index of images, to be searched by example.
 *
 * @example
 * ```ts
 * const index = await ImageIndex.open({ name: 'my photos', model });
 * await index.add(files.map((file) => ({ id: file.name, image: file })));
 * const results = await index.search(canvas, { k: 10 }); // [{ id, score, metadata }]
 * ```
 */
export class ImageIndex extends SearchIndex {
  /**
   * Opens an index that stays, in the origin's IndexedDB, or makes it. One tab at a time writes; a tab or browser that dies
   * loses at most what was not yet acknowledged.
   * @param options - `name` is the index's, in this origin
   * @throws `INDEX_LOCKED`, `INDEX_MISMATCH`, `INDEX_CORRUPT`, `NOT_FOUND` (`readOnly`, and there is none)
   */
  static async open({ name, ...options }: OpenIndexOptions & { name: string }): Promise<ImageIndex> {
    return new ImageIndex(await openParts(createBackend, await openIndexedDb(name, options), options));
  }

  /** An index in memory. */
  static async create(options: IndexOptions): Promise<ImageIndex> {
    return new ImageIndex(await openParts(createBackend, undefined, options));
  }

  /**
   * What {@link save} made, in memory.
   * @throws `INDEX_MISMATCH`, `INDEX_CORRUPT`
   */
  static async load(
    source: Uint8Array | ArrayBuffer | Blob | FileSystemFileHandle,
    options: StoredIndexOptions = {},
  ): Promise<ImageIndex> {
    const bytes = 'getFile' in source ? await source.getFile() : source;
    return new ImageIndex(await openParts(createBackend, loadBytes(bytes), options));
  }

  /**
   * Writes a copy of the index into a file, such as one of `showSaveFilePicker()`, for {@link ImageIndex.load}. A file that is
   * there is replaced when the copy is whole.
   * @throws `STORAGE_FULL`, `WRITE_FAILED`
   */
  saveFile(file: FileSystemFileHandle): Promise<void> {
    return this.written((pieces) => writeInto(file, pieces));
  }

  /** Deletes the index of that name. @throws `INDEX_LOCKED` where a tab has it open */
  static delete(name: string): Promise<void> {
    return deleteIndexedDb(name);
  }
}

/**
 * Makes the index hold the images of a folder (`showDirectoryPicker()`) with its subfolders, of what was dropped (an event's
 * `dataTransfer`), or of a list of files; an entry's id is the path in the folder, or in the drop. Unchanged files are skipped,
 * and entries that the source does not have are removed.
 * @throws `NOT_FOUND` for a folder that cannot be read: nothing is removed then; and what {@link indexCollection} throws
 */
export async function indexFolder(
  index: SearchIndex,
  source: ImageSource,
  options: CollectionOptions = {},
): Promise<CollectionResult> {
  const { items, total } = await itemsOf(source);
  return indexCollection(index, items, { ...(total !== undefined && { total }), ...options });
}

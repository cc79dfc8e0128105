// Many images into an index: what is there already is skipped, what is gone removed.
import { throwIfAborted, toVitreousError, type VitreousError } from '../errors.js';
import type { ImageInput } from '../types.js';
import type { SearchIndex } from './search_index.js';
import type { Entry, Metadata, NewEntry } from './types.js';

/** So many images are embedded, and written, at a time: no more are in memory. */
const BATCH = 8;

/** An image of a collection. */
export interface CollectionItem {
  /** The entry's id, such as a path. */
  id: string;
  /** Bytes and time of change (milliseconds since 1970) of the file: while they are the same it is not read again. */
  size: number;
  modified: number;
  /** The image, or what opens it when its turn has come. */
  image: ImageInput | (() => ImageInput | Promise<ImageInput>);
  /** SHA-256 of the file: one that was only touched, copied or restored is not embedded again. */
  sha256?: () => Promise<string | undefined>;
  /** More for the entry's metadata; `size`, `modified` and `sha256` are among it anyway. */
  metadata?: Metadata;
}

/** How far a collection has been gone through. */
export interface CollectionProgress {
  stage: 'index';
  /** Images that are done, of `total` where that is known. */
  done: number;
  total: number | undefined;
  embedded: number;
  failed: number;
  /** At the speed so far; undefined while nothing was embedded, or `total` is not known. */
  remainingSeconds: number | undefined;
}

/** Options of going through a collection. */
export interface CollectionOptions {
  /** Stops after the batch under way; what was indexed stays, and the next call goes on. */
  signal?: AbortSignal;
  /** Called after each group of images. */
  onProgress?: (progress: CollectionProgress) => void;
  /** How many images the source has, where known. */
  total?: number;
  /** Awaited before each batch: a promise that waits is a pause. */
  pause?: () => Promise<unknown> | undefined;
  /** Which entries are of this collection: those of them that the source does not have are removed. Default: all. */
  within?: (id: string) => boolean;
}

/** What became of a collection. */
export interface CollectionResult {
  added: number;
  updated: number;
  unchanged: number;
  removed: number;
  /** Those that could not be read; an older entry of the same id is removed. */
  failed: { id: string; error: VitreousError }[];
}

/**
 * Makes the index hold what the source has. It can be stopped at any time, also by killing the process or tab: the next
 * call skips what is done.
 * @throws `ABORTED`, `STORAGE_FULL`; images that cannot be read are in the result
 */
export async function indexCollection(
  index: SearchIndex,
  source: Iterable<CollectionItem> | AsyncIterable<CollectionItem>,
  options: CollectionOptions = {},
): Promise<CollectionResult> {
  const { signal, onProgress, total, pause, within = () => true } = options;
  const result: CollectionResult = { added: 0, updated: 0, unchanged: 0, removed: 0, failed: [] };
  const seen = new Set<string>();
  let batch: CollectionItem[] = [];
  let embedded = 0;
  let seconds = 0;

  const tell = () => {
    const left =
      total === undefined || embedded === 0 ? undefined : (total - seen.size) * (seconds / embedded);
    onProgress?.({
      stage: 'index',
      done: seen.size - batch.length,
      total,
      embedded,
      failed: result.failed.length,
      remainingSeconds: left,
    });
  };
  const flush = async () => {
    if (batch.length === 0) return;
    await pause?.();
    throwIfAborted(signal);
    const start = performance.now();
    await indexBatch(index, batch, result, signal);
    seconds += (performance.now() - start) / 1000;
    embedded += batch.length;
    batch = [];
    tell();
  };

  for await (const item of source) {
    throwIfAborted(signal);
    seen.add(item.id);
    if (isUnchanged(index, item)) result.unchanged++;
    else if (batch.push(item) === BATCH) await flush();
    if (seen.size % 1000 === 0) tell();
  }
  await flush();
  const gone = [...index.ids()].filter((id) => !seen.has(id) && within(id));
  if (gone.length > 0) result.removed += await index.remove(gone);
  tell();
  return result;
}

function isUnchanged(index: SearchIndex, { id, size, modified }: CollectionItem): boolean {
  const known = index.metadata(id);
  return known?.size === size && known.modified === modified;
}

async function indexBatch(
  index: SearchIndex,
  items: CollectionItem[],
  result: CollectionResult,
  signal: AbortSignal | undefined,
): Promise<void> {
  const fail = async (id: string, error: unknown) => {
    result.failed.push({ id, error: toVitreousError(error) });
    // What the file shows now is not what the entry has.
    if (await index.remove(id)) result.removed++;
  };
  const entries: NewEntry[] = [];
  const touched: NewEntry[] = [];
  for (const { id, size, modified, sha256, image, metadata } of items) {
    try {
      const digest = await sha256?.();
      const all = { ...metadata, size, modified, ...(digest !== undefined && { sha256: digest }) };
      if (digest !== undefined && index.metadata(id)?.sha256 === digest) {
        const { vector } = (await index.get(id)) as Entry;
        touched.push({ id, vector, metadata: all });
        continue;
      }
      const opened = typeof image === 'function' ? await image() : image;
      entries.push({ id, image: opened, metadata: all });
    } catch (error) {
      await fail(id, error);
    }
  }
  const put = async (some: NewEntry[]) => {
    if (some.length === 0) return;
    const updated = some.filter(({ id }) => index.has(id)).length;
    await index.upsert(some, signal && { signal });
    result.updated += updated;
    result.added += some.length - updated;
  };
  if (touched.length > 0) {
    await index.upsert(touched, signal && { signal });
    result.unchanged += touched.length;
  }
  try {
    await put(entries);
  } catch (error) {
    if (!isAboutImage(error)) throw error;
    // One of them is bad: one by one it shows which.
    for (const entry of entries) {
      try {
        await put([entry]);
      } catch (own) {
        if (!isAboutImage(own)) throw own;
        await fail(entry.id, own);
      }
    }
  }
}

const isAboutImage = (error: unknown) =>
  ['INVALID_IMAGE', 'NETWORK', 'HTTP_STATUS'].includes((error as VitreousError).code);

// Many images into an index: what is there already is skipped, what is gone removed.
import { throwIfAborted, toVitreousError, type VitreousError } from '../errors.js';
import type { ImageInput } from '../types.js';
import { invalid } from './query.js';
import type { SearchIndex } from './search_index.js';
import type { Metadata, NewEntry } from './types.js';

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

/** An item whose turn has come, and the SHA-256 of what the index has of it. */
export interface Asked {
  item: CollectionItem;
  known: string | undefined;
}

/** The item's image, or its vector; or neither: its bytes are those that the index has. */
export interface Looked {
  sha256?: string | undefined;
  image?: ImageInput;
  vector?: Float32Array;
  error?: unknown;
}

/** Who looks at images: several batches at once, and each item's own failure is its `error`. */
export interface Looking {
  look(batch: Asked[]): Promise<Looked[]>;
  atOnce: number;
}

/**
 * Makes the index hold what the source has. It can be stopped at any time, also by killing the process or tab: the next
 * call skips what is done.
 * @throws `ABORTED`, `STORAGE_FULL`; images that cannot be read are in the result
 */
export function indexCollection(
  index: SearchIndex,
  source: Iterable<CollectionItem> | AsyncIterable<CollectionItem>,
  options: CollectionOptions = {},
): Promise<CollectionResult> {
  return collect(index, source, options, { look: (batch) => Promise.all(batch.map(lookAt)), atOnce: 1 });
}

/** The same, by others who look at the images. */
export async function collect(
  index: SearchIndex,
  source: Iterable<CollectionItem> | AsyncIterable<CollectionItem>,
  options: CollectionOptions,
  looking: Looking,
): Promise<CollectionResult> {
  const { signal, onProgress, total, pause, within = () => true } = options;
  const result: CollectionResult = { added: 0, updated: 0, unchanged: 0, removed: 0, failed: [] };
  const seen = new Set<string>();
  let batch: CollectionItem[] = [];
  /** Those that are looked at, in order. */
  const started: { items: CollectionItem[]; looked: Promise<Looked[]> }[] = [];
  let waiting = 0;
  let embedded = 0;
  let since: number | undefined;

  const tell = () => {
    const each = since === undefined ? 0 : (performance.now() - since) / 1000 / embedded;
    const left = total === undefined || embedded === 0 ? undefined : (total - seen.size + waiting) * each;
    onProgress?.({
      stage: 'index',
      done: seen.size - waiting,
      total,
      embedded,
      failed: result.failed.length,
      remainingSeconds: left,
    });
  };
  const start = async () => {
    const before = performance.now();
    await pause?.();
    throwIfAborted(signal);
    const now = performance.now();
    since = since === undefined ? now : since + now - before; // a pause does not count
    const looked = looking.look(batch.map((item) => ({ item, known: digestIn(index, item.id) })));
    looked.catch(() => {}); // until its turn comes
    started.push({ items: batch, looked });
    batch = [];
  };
  const finish = async () => {
    const { items, looked } = started.shift() as (typeof started)[number];
    await put(index, items, await looked, result, signal);
    waiting -= items.length;
    embedded += items.length;
    tell();
  };

  for await (const item of source) {
    throwIfAborted(signal);
    if (seen.has(item.id)) {
      result.failed.push({
        id: item.id,
        error: invalid(`There are two of ${item.id}: the first one counts.`),
      });
      continue;
    }
    seen.add(item.id);
    if (isUnchanged(index, item)) result.unchanged++;
    else {
      waiting++;
      if (batch.push(item) === BATCH) {
        await start();
        if (started.length === looking.atOnce) await finish();
      }
    }
    if (seen.size % 1000 === 0) tell();
  }
  if (batch.length > 0) await start();
  while (started.length > 0) await finish();
  const gone = [...index.ids()].filter((id) => !seen.has(id) && within(id));
  if (gone.length > 0) result.removed += await index.remove(gone);
  tell();
  return result;
}

/** Whether the index has it as it is, as far as size and time tell. */
export function isUnchanged(index: SearchIndex, { id, size, modified }: CollectionItem): boolean {
  const known = index.metadata(id);
  return known?.size === size && known.modified === modified;
}

function digestIn(index: SearchIndex, id: string): string | undefined {
  const { sha256 } = index.metadata(id) ?? {};
  return typeof sha256 === 'string' ? sha256 : undefined;
}

async function lookAt({ item, known }: Asked): Promise<Looked> {
  try {
    const sha256 = await item.sha256?.();
    if (sha256 !== undefined && sha256 === known) return { sha256 };
    const { image } = item;
    return { sha256, image: typeof image === 'function' ? await image() : image };
  } catch (error) {
    return { error };
  }
}

async function put(
  index: SearchIndex,
  items: CollectionItem[],
  looked: Looked[],
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
  for (const [i, { id, size, modified, metadata: more }] of items.entries()) {
    const { sha256, image, vector, error } = looked[i] as Looked;
    const metadata = { ...more, size, modified, ...(sha256 !== undefined && { sha256 }) };
    if (error !== undefined) await fail(id, error);
    else if (image !== undefined) entries.push({ id, image, metadata });
    else if (vector !== undefined) entries.push({ id, vector, metadata });
    else {
      const entry = await index.get(id);
      if (entry) touched.push({ id, vector: entry.vector, metadata }); // else it was removed meanwhile
    }
  }
  const upsert = async (some: NewEntry[]) => {
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
    await upsert(entries);
  } catch (error) {
    if (!isAboutImage(error)) throw error;
    // One of them is bad: one by one it shows which.
    for (const entry of entries) {
      try {
        await upsert([entry]);
      } catch (own) {
        if (!isAboutImage(own)) throw own;
        await fail(entry.id, own);
      }
    }
  }
}

/** Whether an error is of one image, and no reason to stop. */
export const isAboutImage = (error: unknown) =>
  ['INVALID_IMAGE', 'NETWORK', 'HTTP_STATUS'].includes((error as VitreousError).code);

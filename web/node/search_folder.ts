// Folders of images into an index.
import { readdir, stat } from 'node:fs/promises';
import { availableParallelism, freemem } from 'node:os';
import { isAbsolute, join, relative, sep } from 'node:path';
import { throwIfAborted, VitreousError } from '../errors.js';
import {
  type CollectionItem,
  type CollectionOptions,
  type CollectionResult,
  collect,
  indexCollection,
  isUnchanged,
} from '../search/collection.js';
import { fingerprintOf } from '../search/fingerprint.js';
import { invalid } from '../search/query.js';
import type { SearchIndex } from '../search/search_index.js';
import { isImageName } from '../search/sources.js';
import { physicalCores } from './cores.js';
import { recipeOf } from './created.js';
import { digestOf } from './digest.js';
import { Processes } from './processes.js';

/** Below this many images for each a process costs more than it saves: it has to load the model. */
const WORTH_A_PROCESS = 64;
/** Node, sharp and a few photos. */
const PROCESS_BYTES = 200e6;

/** Options of going through a folder. */
export interface FolderOptions extends Omit<CollectionOptions, 'total' | 'within'> {
  /**
   * How many processes decode and embed, each with a model of its own. `'auto'`: one for each core, as far as there are
   * images and memory for them. Default 1: this process, with the threads of its model.
   */
  processes?: number | 'auto';
}

/** What became of a folder. */
export interface FolderResult extends CollectionResult {
  /** Of each process that died and was replaced, a sentence. Its images are in the index, or among those that failed. */
  restarts: string[];
}

/**
 * Makes the index hold the images of these folders and their subfolders, by their endings. An entry's id is the folder as
 * given, joined with the path in it; entries of other folders stay.
 * @throws `NOT_FOUND` for a folder that cannot be read: nothing is removed then; `WORKER_FAILED` where processes do not
 *   start; and what {@link indexCollection} throws
 */
export async function indexFolder(
  index: SearchIndex,
  folders: string | string[],
  { processes = 1, ...options }: FolderOptions = {},
): Promise<FolderResult> {
  if (processes !== 'auto' && !(Number.isInteger(processes) && processes >= 1))
    throw invalid(`processes is 'auto' or a whole number from 1 on, not ${processes}.`);
  const list = [folders].flat();
  const paths = new Set<string>(); // one folder may be in another
  for (const folder of list) for (const path of await imagesIn(folder)) paths.add(path);
  const items = await itemsOf([...paths], options.signal);
  const all: CollectionOptions = {
    ...options,
    total: items.length,
    within: (id) => list.some((folder) => isIn(folder, id)),
  };
  const restarts: string[] = [];
  const helpers = await startProcesses(index, items, processes, options.signal, restarts);
  try {
    const source = withBreaks(items);
    const result = await (helpers
      ? collect(index, source, all, helpers)
      : indexCollection(index, source, all));
    return { ...result, restarts };
  } finally {
    helpers?.close();
  }
}

/** Undefined where this process does it best. */
async function startProcesses(
  index: SearchIndex,
  items: CollectionItem[],
  asked: number | 'auto',
  signal: AbortSignal | undefined,
  restarts: string[],
): Promise<Processes | undefined> {
  const { model } = index;
  if (asked === 1 || model === undefined) return undefined;
  const recipe = recipeOf(model);
  if (recipe === undefined) {
    if (asked === 'auto') return undefined;
    throw invalid(
      'Other processes cannot make this model: create it by name, path, address or bytes of its weights.',
    );
  }
  const cores = physicalCores() ?? availableParallelism();
  const fresh = items.filter((item) => !isUnchanged(index, item)).length;
  const room = Math.floor(freemem() / 2 / (PROCESS_BYTES + (await model.memoryBytes())));
  const count = asked === 'auto' ? Math.min(cores, Math.floor(fresh / WORTH_A_PROCESS), room) : asked;
  if (count <= 1) return undefined;
  const { probe } = await fingerprintOf(model, signal);
  const threads = Math.max(1, Math.floor(cores / count));
  return new Processes({
    count,
    recipe,
    threads,
    probe,
    signal,
    onDeath: (message) => restarts.push(message),
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

async function itemsOf(paths: string[], signal: AbortSignal | undefined): Promise<CollectionItem[]> {
  const items: CollectionItem[] = [];
  for (const path of paths) {
    throwIfAborted(signal);
    const found = await stat(path).catch(() => undefined);
    // A link into nowhere, or a file that is gone since: opening it says so.
    const size = found?.size ?? -1;
    items.push({ id: path, size, modified: found?.mtimeMs ?? -1, sha256: () => digestOf(path), image: path });
  }
  return items;
}

/** Many that are unchanged are gone through without waiting for anything: Ctrl-C, say, has its turn in between. */
async function* withBreaks(items: CollectionItem[]): AsyncGenerator<CollectionItem> {
  for (const [i, item] of items.entries()) {
    if (i % 1000 === 999) await new Promise((done) => setImmediate(done));
    yield item;
  }
}

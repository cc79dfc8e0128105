// Where a page has many images from: what the visitor chose or dropped, a list of files.
import { VitreousError } from '../errors.js';
import type { CollectionItem } from './collection.js';
import { invalid } from './query.js';

/**
 * What was dropped (an event's `dataTransfer`, or an entry of `webkitGetAsEntry()`), a folder of the File System Access API,
 * the files of an `<input multiple>`, or files as they come.
 */
export type ImageSource =
  | DataTransfer
  | FileSystemEntry
  | FileSystemDirectoryHandle
  | FileList
  | Iterable<File | FileSystemEntry>
  | AsyncIterable<File>;

/** Endings of files that browsers, or sharp in Node, may decode. */
export const isImageName = (name: string) =>
  /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|png|svg|tiff?|webp)$/i.test(name);

/** A file that is opened when its turn has come. */
interface Listed {
  id: string;
  open: () => File | Promise<File>;
}

/**
 * Items with the path in the folder, or that of the drop, or the file's name, as their id; and how many, where they can be
 * counted before. What was dropped is taken before the first `await`: afterwards the browser has emptied it.
 * @throws `INVALID_ARGUMENT` for a drop that is over; `NOT_FOUND` for a folder that cannot be read
 */
export async function itemsOf(
  source: ImageSource,
): Promise<{ items: AsyncIterable<CollectionItem>; total?: number }> {
  if (Symbol.asyncIterator in source && !('getDirectoryHandle' in source)) return { items: arriving(source) };
  const listed: Listed[] = [];
  for (const part of partsOf(source)) {
    if ('getDirectoryHandle' in part) await listHandle(part, '', listed);
    else if ('isDirectory' in part) await listEntry(part, listed);
    else if (isImage(part)) listed.push({ id: idOf(part), open: () => part });
  }
  return { items: opened(listed), total: listed.length };
}

function partsOf(
  source: Exclude<ImageSource, AsyncIterable<File>> | FileSystemDirectoryHandle,
): Iterable<File | FileSystemEntry | FileSystemDirectoryHandle> {
  if ('getDirectoryHandle' in source || 'isDirectory' in source) return [source];
  if (!('dropEffect' in source)) return source;
  const entries = Array.from(source.items, (item) => item.webkitGetAsEntry()).filter(
    (entry) => entry !== null,
  );
  // An empty list would remove all that the index has.
  if (entries.length === 0)
    throw invalid(
      'There are no files in what was dropped, or the event is over: pass it on before any await.',
    );
  return entries;
}

async function* arriving(files: AsyncIterable<File>): AsyncGenerator<CollectionItem> {
  for await (const file of files) if (isImage(file)) yield itemOf(idOf(file), file);
}

async function* opened(listed: Listed[]): AsyncGenerator<CollectionItem> {
  for (const { id, open } of listed) {
    try {
      yield itemOf(id, await open());
    } catch (error) {
      // It is gone since, or may not be read: one of those that are listed as failed.
      const fail = () => {
        throw unreadable(id, error);
      };
      yield { id, size: -1, modified: -1, image: fail };
    }
  }
}

async function listHandle(folder: FileSystemDirectoryHandle, path: string, to: Listed[]): Promise<void> {
  try {
    for await (const handle of folder.values()) {
      const id = path + handle.name;
      if (handle.kind === 'directory') await listHandle(handle as FileSystemDirectoryHandle, `${id}/`, to);
      else if (isImageName(handle.name))
        to.push({ id, open: () => (handle as FileSystemFileHandle).getFile() });
    }
  } catch (error) {
    throw unreadable(path || folder.name, error);
  }
}

async function listEntry(entry: FileSystemEntry, to: Listed[]): Promise<void> {
  const id = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const file = entry as FileSystemFileEntry;
    if (isImageName(entry.name)) to.push({ id, open: () => new Promise((...done) => file.file(...done)) });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A folder is read in pieces (of 100 in Chromium) until an empty one comes.
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((...done) => reader.readEntries(...done)).catch(
      (error) => {
        throw unreadable(id, error);
      },
    );
    if (piece.length === 0) return;
    for (const inner of piece) await listEntry(inner, to);
  }
}

const unreadable = (path: string, cause: unknown) =>
  cause instanceof VitreousError
    ? cause
    : new VitreousError('NOT_FOUND', `${path} could not be read: ${(cause as Error).message}`, { cause });

const idOf = (file: File) => file.webkitRelativePath || file.name;

const itemOf = (id: string, file: File): CollectionItem => ({
  id,
  size: file.size,
  modified: file.lastModified,
  sha256: () => digestOf(file),
  image: file,
});

/** Undefined where the page is not secure, and so has no digests. */
async function digestOf(file: File): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', await file.arrayBuffer());
  return digest && Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const isImage = ({ name, type }: File) => type.startsWith('image/') || isImageName(name);

// Where a page has many images from: a folder that the visitor chose or dropped, a list of files.
import type { CollectionItem } from './collection.js';

/** A folder of the File System Access API, the files of an `<input multiple>`, or files as they come. */
export type ImageSource = FileSystemDirectoryHandle | FileList | Iterable<File> | AsyncIterable<File>;

/** Endings of files that browsers, or sharp in Node, may decode. */
export const isImageName = (name: string) =>
  /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|png|svg|tiff?|webp)$/i.test(name);

/** Items with the path in the folder, or the file's name, as their id. */
export async function* itemsOf(source: ImageSource): AsyncGenerator<CollectionItem> {
  if ('getDirectoryHandle' in source) {
    yield* itemsIn(source, '');
    return;
  }
  for await (const file of source as AsyncIterable<File>) {
    const id = file.webkitRelativePath || file.name;
    if (isImage(file)) yield itemOf(id, file);
  }
}

async function* itemsIn(folder: FileSystemDirectoryHandle, path: string): AsyncGenerator<CollectionItem> {
  for await (const handle of folder.values()) {
    const id = path + handle.name;
    if (handle.kind === 'directory') yield* itemsIn(handle as FileSystemDirectoryHandle, `${id}/`);
    else if (isImageName(handle.name)) {
      yield itemOf(id, await (handle as FileSystemFileHandle).getFile());
    }
  }
}

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

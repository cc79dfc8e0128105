import type { Skipped, Source } from './collection.js';

/** What was dropped or chosen, sorted out. */
export interface Picked {
  sources: Source[];
  checkpoint?: File;
  skipped: Skipped[];
}

// For files whose type the browser does not know by their name.
const IMAGE_NAME = /\.(jpe?g|png|webp|avif|gif|bmp|heic|heif|tiff?)$/i;

interface Found {
  file: File;
  path: string;
}

function sort(found: Found[]): Picked {
  const picked: Picked = { sources: [], skipped: [] };
  const byPath = [...found].sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
  for (const { file, path } of byPath) {
    // Folders are full of these: .DS_Store, .thumbnails …
    if (path.split('/').some((part) => part.startsWith('.'))) continue;
    if (file.name.endsWith('.safetensors')) picked.checkpoint = file;
    else if (file.type.startsWith('image/') || IMAGE_NAME.test(file.name)) {
      picked.sources.push({ name: path, open: async () => file });
    } else picked.skipped.push({ name: path, reason: 'Not an image file.' });
  }
  return picked;
}

/** The files of an `<input type=file>`, with or without `webkitdirectory`. */
export function fromInput(input: HTMLInputElement): Picked {
  const found = Array.from(input.files ?? [], (file) => ({
    file,
    path: file.webkitRelativePath || file.name,
  }));
  input.value = '';
  return sort(found);
}

/** Files without a folder, such as pasted ones. */
export const fromFiles = (files: File[]): Picked => sort(files.map((file) => ({ file, path: file.name })));

/** The files that were dropped, and all those in dropped folders. */
export async function fromDrop(data: DataTransfer): Promise<Picked> {
  // Entries must be taken before the first await: the list is emptied after the event.
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry?.()).filter(
    (entry) => entry !== null,
  );
  const found = entries.length
    ? (await Promise.all(entries.map((entry) => walk(entry as FileSystemEntry)))).flat()
    : Array.from(data.files, (file) => ({ file, path: file.name }));
  return sort(found);
}

async function walk(entry: FileSystemEntry): Promise<Found[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    return [{ file, path: entry.fullPath.replace(/^\//, '') }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Found[] = [];
  // A folder is read in pieces (of 100 in Chromium) until an empty one comes.
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (piece.length === 0) return found;
    for (const inner of piece) found.push(...(await walk(inner)));
  }
}

export interface Sample {
  file: string;
  title: string;
  edit: string | null;
  credit: { author: string; source: string; url: string; license: string; package: string };
}

/** The list of the sample photos that lie beside the page. */
export async function fetchSamples(): Promise<Sample[]> {
  const response = await fetch('samples/samples.json');
  if (!response.ok) throw new Error(`The sample photos are not here (HTTP ${response.status}).`);
  return response.json();
}

export function sampleSources(samples: Sample[]): Source[] {
  return samples.map(({ file, title, edit }) => ({
    name: title,
    edit: edit ?? undefined,
    open: async (signal) => {
      const response = await fetch(`samples/${file}`, { signal });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return response.blob();
    },
  }));
}

import { type VisionTransformer, VitreousError } from 'vitreous';
import { ImageIndex } from 'vitreous/search';
import type { Photo } from './app.js';
import { keep, recall } from './state.js';
import { type KeptPhoto, PhotoStore } from './store.js';
import { shrink } from './thumbnails.js';

/** A photo that somebody handed in, not yet looked at. Its bytes are read when they are needed. */
export interface Source {
  name: string;
  edit?: string | undefined;
  open(signal?: AbortSignal): Promise<Blob>;
}

export interface Skipped {
  name: string;
  reason: string;
}

/** A photo as the collection itself sees it. */
export interface Item extends Photo {
  width: number;
  height: number;
  bytes: number;
  thumbnail: string | undefined;
  embedded: boolean;
  /** The original, while the page that it was handed to is open. */
  source?: Source;
  /** Begun at most once: ends when the photo is kept. */
  prepared?: Promise<void>;
}

// Names of indexes, one for each model: with other weights under the same name the next number.
const indexName = ({ config }: VisionTransformer, n: number) =>
  `vitreous demo: ${config.name}${n > 1 ? ` ${n}` : ''}`;
const INDEXES = 'indexes';
/** The page before a reload may let go of its lock a little later. */
const LOCK_TRIES = 5;
const LOCK_MS = 300;

/** The photos in the order in which they came, what is kept of them, and the index of the model in use. */
export class Collection {
  readonly photos: Item[] = [];
  readonly skipped: Skipped[] = [];
  index: ImageIndex | undefined;
  readonly #store = new PhotoStore();
  readonly #onChange: (photo?: Item) => void;
  readonly #writer = lock();
  #restored: Promise<void> | undefined;
  #count = 0;

  /** @param onChange - photos came or went, or one of them changed */
  constructor(onChange: (photo?: Item) => void) {
    this.#onChange = onChange;
  }

  /** Whether this tab may change what is kept: the first one that is open may. */
  get mayWrite(): Promise<boolean> {
    return this.#writer;
  }

  /** Whether the photos are there after a reload. */
  get lasts(): Promise<boolean> {
    return this.#store.lasts;
  }

  /** Brings back what an earlier visit left. To be called once. */
  restore(): Promise<void> {
    this.#restored = this.#store.photos().then((kept) => {
      const photos = kept.map(({ thumbnail, ...photo }) => ({
        ...photo,
        thumbnail: thumbnail && URL.createObjectURL(thumbnail),
        embedded: false,
        prepared: Promise.resolve(),
      }));
      this.photos.unshift(...photos);
      this.#onChange();
    });
    return this.#restored;
  }

  add(sources: Source[]): Item[] {
    const now = Date.now().toString(36);
    const added = sources.map((source) => ({
      id: `${now}-${String(this.#count++).padStart(6, '0')}`,
      name: source.name,
      edit: source.edit,
      width: 0,
      height: 0,
      bytes: 0,
      thumbnail: undefined,
      embedded: false,
      source,
    }));
    this.photos.push(...added);
    this.#onChange();
    return added;
  }

  /** Makes and keeps the thumbnail and the copy. */
  prepare(photo: Item, signal: AbortSignal): Promise<void> {
    photo.prepared ??= this.#prepare(photo, signal).catch((error) => {
      delete photo.prepared;
      throw error;
    });
    return photo.prepared;
  }

  async #prepare(photo: Item, signal: AbortSignal): Promise<void> {
    const original = await this.original(photo, signal);
    // What the page cannot show the model may still read: it is found and ranked, and has no picture.
    const shrunk = await shrink(original).catch(() => undefined);
    signal.throwIfAborted();
    const { width = 0, height = 0, thumbnail, pixels = original } = shrunk ?? {};
    const { id, name, edit } = photo;
    await this.#keep({ id, name, edit, width, height, bytes: original.size, thumbnail }, pixels);
    if (!this.photos.includes(photo)) return void (await this.#store.remove([id]));
    const url = thumbnail && URL.createObjectURL(thumbnail);
    Object.assign(photo, { width, height, bytes: original.size, thumbnail: url });
    this.#onChange(photo);
  }

  async #keep(photo: KeptPhoto, pixels: Blob): Promise<void> {
    try {
      await this.#store.put(photo, pixels);
    } catch (cause) {
      if ((cause as Error).name !== 'QuotaExceededError') throw cause;
      const message =
        'The browser gives this page no more room. Clear the collection, or free some of the disk, and continue.';
      throw new VitreousError('STORAGE_FULL', message, { cause });
    }
  }

  /** The file that was handed in; after a reload its kept copy. */
  async original(photo: Item, signal?: AbortSignal): Promise<Blob> {
    return photo.source ? photo.source.open(signal) : this.pixels(photo);
  }

  /** The kept copy. */
  async pixels(photo: Photo): Promise<Blob> {
    const item = photo as Item;
    await item.prepared;
    const kept = await this.#store.pixels(photo.id);
    if (kept) return kept;
    if (item.source) return item.source.open();
    throw new VitreousError('NOT_FOUND', `The pixels of ${photo.name} are not kept any more.`);
  }

  /** Opens the index of a model, which knows what it has embedded before. */
  async use(model: VisionTransformer): Promise<void> {
    await this.index?.close();
    this.index = undefined;
    for (const photo of this.photos) photo.embedded = false;
    await this.#restored; // an index that knows more photos than there are forgets them
    const index = (await this.lasts)
      ? await openIndex(model, !(await this.#writer))
      : await ImageIndex.create({ model });
    const ids = new Set(this.photos.map(({ id }) => id));
    const gone = [...index.ids()].filter((id) => !ids.has(id));
    if (gone.length > 0 && (await this.#writer)) await index.remove(gone);
    for (const photo of this.photos) photo.embedded = index.has(photo.id);
    this.index = index;
    this.#onChange();
  }

  /** Puts the vectors of photos into the index. */
  async embed(vectors: Map<Item, Float32Array>): Promise<void> {
    const here = [...vectors].filter(([photo]) => this.photos.includes(photo) && !photo.embedded);
    if (here.length === 0 || !this.index) return;
    const entries = here.map(([{ id, name, edit }, vector]) => ({
      id,
      vector,
      metadata: edit ? { name, edit } : { name },
    }));
    await this.index.upsert(entries);
    for (const [photo] of here) photo.embedded = true;
    this.#onChange();
  }

  /** Takes a photo that cannot be used out, and says why. */
  async skip(photo: Item, reason: string): Promise<void> {
    this.skipped.push({ name: photo.name, reason });
    await this.remove([photo]);
  }

  async remove(photos: Photo[]): Promise<void> {
    await this.#mustWrite();
    const ids = new Set(photos.map(({ id }) => id));
    const left = this.photos.filter(({ id }) => !ids.has(id));
    for (const photo of this.photos) if (ids.has(photo.id)) release(photo);
    this.photos.splice(0, this.photos.length, ...left);
    this.#onChange();
    await this.#store.remove([...ids]);
    await this.index?.remove([...ids]);
  }

  /** Removes everything, of every model. */
  async clear(): Promise<void> {
    await this.#mustWrite();
    for (const photo of this.photos) release(photo);
    this.photos.length = 0;
    this.skipped.length = 0;
    this.#onChange();
    await this.#store.clear();
    await this.index?.clear();
    for (const name of recall<string[]>(INDEXES) ?? []) await ImageIndex.delete(name).catch(() => {}); // the open one is empty
  }

  /** @throws `INDEX_LOCKED` where another tab has the collection */
  async #mustWrite(): Promise<void> {
    if (await this.#writer) return;
    const message = 'The collection is open in another tab: change it there, or close that one and reload.';
    throw new VitreousError('INDEX_LOCKED', message);
  }

  get embedded(): number {
    return this.photos.reduce((sum, photo) => sum + (photo.embedded ? 1 : 0), 0);
  }
}

function release({ thumbnail }: Item): void {
  if (thumbnail) URL.revokeObjectURL(thumbnail);
}

async function openIndex(model: VisionTransformer, readOnly: boolean): Promise<ImageIndex> {
  for (let n = 1; ; ) {
    const name = indexName(model, n);
    try {
      // The page before a reload may still have it.
      const index = await ImageIndex.open({ name, model, ...(readOnly ? { readOnly } : { wait: true }) });
      keep(INDEXES, [...new Set([...(recall<string[]>(INDEXES) ?? []), name])]);
      return index;
    } catch (error) {
      const code = error instanceof VitreousError ? error.code : undefined;
      if (code === 'INDEX_MISMATCH') n++;
      else if (code === 'INDEX_CORRUPT' && !readOnly) await ImageIndex.delete(name);
      else if (code === 'NOT_FOUND' && readOnly) return ImageIndex.create({ model });
      else throw error;
    }
  }
}

/** Takes the lock, until this page ends. @returns whether no other tab has it */
async function lock(): Promise<boolean> {
  if (!navigator.locks) return true; // where the page came over plain HTTP
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    if (tries > 0) await new Promise((done) => setTimeout(done, LOCK_MS));
    const taken = await new Promise<boolean>((done) => {
      navigator.locks.request('vitreous demo', { ifAvailable: true }, (held) => {
        done(held !== null);
        return held && new Promise(() => {});
      });
    });
    if (taken) return true;
  }
  return false;
}

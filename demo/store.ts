// The collection over reloads: what is known of each photo with its thumbnail, and a copy of its pixels, in IndexedDB.
import { type DBSchema, type IDBPDatabase, type IDBPObjectStore, openDB } from 'idb';

/** What is kept of a photo. */
export interface KeptPhoto {
  /** Sorts in the order of adding; never used again, so that no index takes one photo for another. */
  id: string;
  name: string;
  edit?: string | undefined;
  width: number;
  height: number;
  bytes: number;
  thumbnail?: Blob | undefined;
}

/** A Blob as it is kept: WebKit stores none in a private window. */
interface Bytes {
  bytes: ArrayBuffer;
  type: string;
}

interface Schema extends DBSchema {
  photos: { key: string; value: Omit<KeptPhoto, 'thumbnail'> & { thumbnail: Bytes | undefined } };
  pixels: { key: string; value: Bytes };
}

type Name = 'photos' | 'pixels';
type Writable<Store extends Name> = IDBPObjectStore<Schema, Name[], Store, 'readwrite'>;

const NAME = 'vitreous demo';

export class PhotoStore {
  /** Undefined where the browser keeps nothing, as in some private windows: then this visit has it in memory. */
  #database: Promise<IDBPDatabase<Schema> | undefined>;
  #memory = new Map<string, Blob>();

  constructor() {
    this.#database = openDB<Schema>(NAME, 1, {
      upgrade(database) {
        database.createObjectStore('photos', { keyPath: 'id' });
        database.createObjectStore('pixels');
      },
    }).catch(() => undefined);
  }

  /** Whether it is there after a reload. */
  get lasts(): Promise<boolean> {
    return this.#database.then((database) => database !== undefined);
  }

  /** All photos, in the order of adding. */
  async photos(): Promise<KeptPhoto[]> {
    const kept = (await (await this.#database)?.getAll('photos')) ?? [];
    return kept.map((photo) => ({ ...photo, thumbnail: photo.thumbnail && toBlob(photo.thumbnail) }));
  }

  async pixels(id: string): Promise<Blob | undefined> {
    const kept = await (await this.#database)?.get('pixels', id);
    return kept ? toBlob(kept) : this.#memory.get(id);
  }

  /** Both or none. */
  async put(photo: KeptPhoto, pixels: Blob): Promise<void> {
    // A transaction ends while something else is waited for.
    const thumbnail = photo.thumbnail && (await toBytes(photo.thumbnail));
    const copy = await toBytes(pixels);
    const kept = await this.#change((photos, copies) => [
      photos.put({ ...photo, thumbnail }),
      copies.put(copy, photo.id),
    ]);
    if (!kept) this.#memory.set(photo.id, pixels);
  }

  async remove(ids: string[]): Promise<void> {
    for (const id of ids) this.#memory.delete(id);
    await this.#change((photos, copies) => ids.flatMap((id) => [photos.delete(id), copies.delete(id)]));
  }

  async clear(): Promise<void> {
    this.#memory.clear();
    await this.#change((photos, copies) => [photos.clear(), copies.clear()]);
  }

  /** @returns whether there is a database to be changed */
  async #change(
    work: (photos: Writable<'photos'>, copies: Writable<'pixels'>) => Promise<unknown>[],
  ): Promise<boolean> {
    const change = (await this.#database)?.transaction(['photos', 'pixels'], 'readwrite');
    if (!change) return false;
    await Promise.all([...work(change.objectStore('photos'), change.objectStore('pixels')), change.done]);
    return true;
  }
}

const toBytes = async (blob: Blob): Promise<Bytes> => ({ bytes: await blob.arrayBuffer(), type: blob.type });
const toBlob = ({ bytes, type }: Bytes) => new Blob([bytes], { type });

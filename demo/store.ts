// The collection over reloads: what is known of each photo with its thumbnail, and a copy of its pixels, in IndexedDB.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';

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

interface Schema extends DBSchema {
  photos: { key: string; value: KeptPhoto };
  pixels: { key: string; value: Blob };
}

const NAME = 'vitreous demo';

export class PhotoStore {
  #database: Promise<IDBPDatabase<Schema>>;

  constructor() {
    this.#database = openDB<Schema>(NAME, 1, {
      upgrade(database) {
        database.createObjectStore('photos', { keyPath: 'id' });
        database.createObjectStore('pixels');
      },
    });
    this.#database.catch(() => {}); // whoever uses it is told
  }

  /** All photos, in the order of adding. */
  async photos(): Promise<KeptPhoto[]> {
    return (await this.#database).getAll('photos');
  }

  async pixels(id: string): Promise<Blob | undefined> {
    return (await this.#database).get('pixels', id);
  }

  /** Both or none. */
  async put(photo: KeptPhoto, pixels: Blob): Promise<void> {
    const change = (await this.#database).transaction(['photos', 'pixels'], 'readwrite');
    await Promise.all([
      change.objectStore('photos').put(photo),
      change.objectStore('pixels').put(pixels, photo.id),
      change.done,
    ]);
  }

  async remove(ids: string[]): Promise<void> {
    const change = (await this.#database).transaction(['photos', 'pixels'], 'readwrite');
    const gone = ids.flatMap((id) => [
      change.objectStore('photos').delete(id),
      change.objectStore('pixels').delete(id),
    ]);
    await Promise.all([...gone, change.done]);
  }

  async clear(): Promise<void> {
    const change = (await this.#database).transaction(['photos', 'pixels'], 'readwrite');
    await Promise.all([
      change.objectStore('photos').clear(),
      change.objectStore('pixels').clear(),
      change.done,
    ]);
  }
}

import { cosineSimilarity } from 'vitreous';

/** A photo that somebody handed in, not yet looked at. Its bytes are read when they are needed, and not kept. */
export interface Source {
  name: string;
  /** What was done to it, for an edited copy among the samples. */
  edit?: string;
  open(signal?: AbortSignal): Promise<Blob>;
}

/** A photo of the collection. Full-size pixels are never kept: a thousand photos are a thousand small thumbnails. */
export interface Photo extends Source {
  id: number;
  /** Upright size in pixels; 0 until known. */
  width: number;
  height: number;
  /** Object URL of the thumbnail: the square in the photo's middle. */
  thumbnail?: string;
  /** (dim), not normalised; undefined while it waits. */
  embedding?: Float32Array;
}

export interface Skipped {
  name: string;
  reason: string;
}

/** The photos in the order in which they came, and those that could not be read. */
export class Collection {
  readonly photos: Photo[] = [];
  readonly skipped: Skipped[] = [];
  #nextId = 1;

  add(sources: Source[]): Photo[] {
    const added = sources.map((source) => ({ ...source, id: this.#nextId++, width: 0, height: 0 }));
    this.photos.push(...added);
    return added;
  }

  /** Takes a photo that cannot be used out, and says why. */
  skip(photo: Photo, reason: string): void {
    this.photos.splice(this.photos.indexOf(photo), 1);
    if (photo.thumbnail) URL.revokeObjectURL(photo.thumbnail);
    this.skipped.push({ name: photo.name, reason });
  }

  clear(): void {
    for (const { thumbnail } of this.photos) if (thumbnail) URL.revokeObjectURL(thumbnail);
    this.photos.length = 0;
    this.skipped.length = 0;
  }

  /** Another model's vectors mean something else: all photos wait again. */
  forgetEmbeddings(): void {
    for (const photo of this.photos) photo.embedding = undefined;
  }

  get embedded(): number {
    return this.photos.filter((photo) => photo.embedding).length;
  }
}

export interface Ranked {
  photo: Photo;
  /** Cosine similarity to the query; undefined for the query itself and for photos that still wait. */
  similarity?: number;
}

/** The query first, then the others, the most similar first, then those without an embedding. */
export function rank(photos: Photo[], query: Photo): Ranked[] {
  const scored = photos
    .filter((photo) => photo !== query)
    .map((photo) => ({
      photo,
      similarity:
        photo.embedding && query.embedding ? cosineSimilarity(query.embedding, photo.embedding) : undefined,
    }));
  scored.sort((a, b) => (b.similarity ?? -2) - (a.similarity ?? -2) || a.photo.id - b.photo.id);
  return [{ photo: query }, ...scored];
}

import { type VisionTransformer, VitreousError } from 'vitreous';
import type { Collection, Photo } from './photos.js';
import { thumbnail } from './thumbnails.js';

const WINDOW = 25;

export interface EmbedderEvents {
  /** A thumbnail or an embedding came, or the photo was skipped. */
  onPhoto(photo: Photo): void;
  /** Work began, went on, or ended. */
  onChange(): void;
}

/** Embeds the collection's photos one after another in the model's worker, making thumbnails meanwhile. */
export class Embedder {
  #collection: Collection;
  #events: EmbedderEvents;
  #stop: AbortController | undefined;
  #times: number[] = [];
  /** An error that ended the work; unlike one of a single photo, which is skipped. */
  failure: VitreousError | undefined;
  model: VisionTransformer | undefined;

  constructor(collection: Collection, events: EmbedderEvents) {
    this.#collection = collection;
    this.#events = events;
  }

  get running(): boolean {
    return this.#stop !== undefined;
  }

  get waiting(): number {
    return this.#collection.photos.length - this.#collection.embedded;
  }

  /** Median of the last photos: decoding, preprocessing and forward; undefined before the first. */
  get msPerImage(): number | undefined {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  cancel(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#events.onChange();
  }

  /** Works off what waits; photos that are added meanwhile are taken too. Never rejects. */
  async run(): Promise<void> {
    const { model } = this;
    if (this.#stop || !model) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.failure = undefined;
    this.#events.onChange();
    for (;;) {
      const photo = this.#collection.photos.find(({ embedding }) => !embedding);
      if (!photo || stop.signal.aborted) break;
      try {
        await this.#embed(photo, model, stop.signal);
      } catch (error) {
        if (stop.signal.aborted) break;
        if (isFatal(error)) {
          this.failure = error;
          break;
        }
        this.#collection.skip(photo, (error as Error).message);
      }
      this.#events.onPhoto(photo);
    }
    // A cancelled run may have been followed by another one already.
    if (this.#stop === stop) this.#stop = undefined;
    this.#events.onChange();
  }

  /** Drops the current model: its vectors do not compare with another's. */
  use(model: VisionTransformer): void {
    this.cancel();
    this.#times = [];
    this.#collection.forgetEmbeddings();
    this.model = model;
  }

  async #embed(photo: Photo, model: VisionTransformer, signal: AbortSignal): Promise<void> {
    const blob = await photo.open(signal);
    const pictured = photo.thumbnail ? undefined : this.#picture(photo, blob);
    const start = performance.now();
    const embedding = await model.embed(blob, { signal });
    this.#times.push(performance.now() - start);
    if (this.#times.length > WINDOW) this.#times.shift();
    await pictured;
    if (!signal.aborted) photo.embedding = embedding;
  }

  /** A photo that only the model can read still is found and ranked; it has no picture then. */
  async #picture(photo: Photo, blob: Blob): Promise<void> {
    try {
      const { url, width, height } = await thumbnail(blob);
      Object.assign(photo, { thumbnail: url, width, height });
      if (this.#collection.photos.includes(photo)) this.#events.onPhoto(photo);
      else URL.revokeObjectURL(url);
    } catch {}
  }
}

const FATAL = ['WORKER_FAILED', 'OUT_OF_MEMORY', 'DISPOSED', 'INTERNAL'];

function isFatal(error: unknown): error is VitreousError {
  return error instanceof VitreousError && FATAL.includes(error.code);
}

import { type VisionTransformer, VitreousError } from 'vitreous';
import type { Collection, Item } from './collection.js';

/** Of so many photos the median time is told. */
const WINDOW = 25;
/** So many vectors go into the index at a time: one write to the disk. */
const BATCH = 8;
/** The first ones go in sooner, so that a search has something to find. */
const FLUSH_MS = 400;
/** So long after the page's start nothing takes the processors from the model, which then embeds a first photo. */
const HEAD_START_MS = 1500;

/** Prepares and embeds the collection's photos, one after another, in workers. */
export class Embedder {
  #collection: Collection;
  #onChange: () => void;
  #stop: AbortController | undefined;
  #ended: Promise<void> = Promise.resolve();
  #times: number[] = [];
  /** Embedded, and not yet in the index. */
  #ready = new Map<Item, Float32Array>();
  #endHeadStart = () => {};
  readonly #headStart = new Promise<void>((resolve) => {
    this.#endHeadStart = resolve;
    setTimeout(resolve, HEAD_START_MS);
  });
  /** An error that ended the work; unlike one of a single photo, which is skipped. */
  failure: Error | undefined;
  model: VisionTransformer | undefined;

  /** @param onChange - work began, went on, or ended */
  constructor(collection: Collection, onChange: () => void) {
    this.#collection = collection;
    this.#onChange = onChange;
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

  /** Ends the work after the photo under way. */
  async cancel(): Promise<void> {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#onChange();
    await this.#ended;
  }

  /** Works off what waits; photos that are added meanwhile are taken too. Without a model they are prepared. */
  async run(): Promise<void> {
    if (this.#stop) return this.#ended;
    const before = this.#ended;
    const stop = new AbortController();
    this.#stop = stop;
    this.failure = undefined;
    this.#onChange();
    this.#ended = before.then(() => this.#work(stop));
    await this.#ended;
  }

  async #work(stop: AbortController): Promise<void> {
    try {
      // Photos may come while the last one is worked on, and the model while they are only prepared.
      do await Promise.all([this.#prepareAll(stop.signal), this.#embedAll(stop.signal)]);
      while (!stop.signal.aborted && this.#hasWork);
    } catch (error) {
      if (!stop.signal.aborted) this.failure = error as Error;
      stop.abort();
    }
    // A cancelled run may have been followed by another one already.
    if (this.#stop === stop) this.#stop = undefined;
    this.#onChange();
  }

  get #hasWork(): boolean {
    const { photos } = this.#collection;
    return photos.some(({ prepared, embedded }) => !prepared || (this.model !== undefined && !embedded));
  }

  /** Another model: vectors that are there already are kept, in an index of their own. */
  async use(model: VisionTransformer): Promise<void> {
    await this.cancel();
    this.#times = [];
    this.#ready.clear();
    // Of the visit's first model no index can have a photo that was just handed in: it need not wait for one to open.
    const first = this.model ? undefined : this.#collection.photos.find(({ source }) => source);
    this.model = undefined;
    const vector = first && (await this.#embed(first, model).catch(() => undefined)); // its turn comes again
    await this.#collection.use(model);
    if (vector) this.#ready.set(first, vector);
    this.model = model;
  }

  /** Thumbnails come before the embeddings: one sees at once what is there. */
  async #prepareAll(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return; // before its turn came: there is no event any more
    const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve));
    await Promise.race([this.#headStart, stopped]);
    for (;;) {
      const photo = this.#collection.photos.find(({ prepared }) => !prepared);
      if (!photo || signal.aborted) return;
      await this.#attempt(photo, signal, () => this.#collection.prepare(photo, signal));
    }
  }

  async #embedAll(signal: AbortSignal): Promise<void> {
    const { model } = this;
    if (!model) return;
    const ready = this.#ready;
    let flushed = performance.now();
    const flush = async () => {
      await this.#collection.embed(ready);
      ready.clear();
      flushed = performance.now();
    };
    try {
      for (;;) {
        const photo = this.#collection.photos.find((item) => !item.embedded && !ready.has(item));
        if (!photo || signal.aborted) break;
        await this.#attempt(photo, signal, async () => {
          const [vector] = await Promise.all([
            this.#embed(photo, model, signal),
            this.#collection.prepare(photo, signal),
          ]);
          ready.set(photo, vector);
        });
        if (ready.size >= BATCH || performance.now() - flushed > FLUSH_MS) await flush();
      }
    } finally {
      await flush();
    }
  }

  async #embed(photo: Item, model: VisionTransformer, signal?: AbortSignal): Promise<Float32Array> {
    const blob = await this.#collection.original(photo, signal);
    const start = performance.now();
    const vector = await model.embed(blob, { signal });
    if (this.#times.length === 0) performance.mark('first embedding');
    this.#endHeadStart();
    this.#times.push(performance.now() - start);
    if (this.#times.length > WINDOW) this.#times.shift();
    return vector;
  }

  /** A photo that cannot be read is skipped; what concerns all of them ends the work. */
  async #attempt(photo: Item, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof VitreousError && FATAL.includes(error.code)) throw error;
      if (this.#collection.photos.includes(photo))
        await this.#collection.skip(photo, (error as Error).message);
    }
  }
}

const FATAL = ['WORKER_FAILED', 'OUT_OF_MEMORY', 'DISPOSED', 'INTERNAL', 'STORAGE_FULL', 'INDEX_LOCKED'];

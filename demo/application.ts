import type { VisionTransformer, Weights } from 'vitreous';
import type { App, Photo } from './app.js';
import { Collection, type Item } from './collection.js';
import { announce } from './dom.js';
import { Embedder } from './embedder.js';
import { keep, recall } from './state.js';
import { Tasks } from './tasks.js';

/** Photos come and change in crowds: listeners hear of it this often. */
const PHOTOS_MS = 200;

type Event = 'model' | 'photos' | 'selected';

/** What the page is made of, without its shell. */
export class Application implements App {
  readonly collection: Collection;
  readonly embedder: Embedder;
  #tasks: Tasks;
  #listeners = new Map<Event, Set<() => void>>();
  #selected: Photo | undefined;
  #told: ReturnType<typeof setTimeout> | undefined;
  #weights: Weights | undefined;
  readonly open: (tab: string) => void;
  readonly fail: (error: unknown) => void;

  constructor(shell: { open(tab: string): void; fail(error: unknown): void; onWork(): void }) {
    this.open = shell.open;
    this.fail = shell.fail;
    this.#tasks = new Tasks(shell.fail);
    this.collection = new Collection(() => {
      shell.onWork();
      if (this.#selected && !this.collection.photos.includes(this.#selected as Item)) this.select(undefined);
      this.#told ??= setTimeout(() => {
        this.#told = undefined;
        this.#emit('photos');
      }, PHOTOS_MS);
    });
    this.embedder = new Embedder(this.collection, shell.onWork);
  }

  get model(): VisionTransformer | undefined {
    return this.embedder.model;
  }

  get weights(): Weights | undefined {
    return this.#weights;
  }

  get photos(): readonly Photo[] {
    return this.collection.photos;
  }

  get index() {
    return this.collection.index;
  }

  get selected(): Photo | undefined {
    return this.#selected;
  }

  select(photo: Photo | undefined): void {
    if (photo === this.#selected) return;
    this.#selected = photo;
    keep('selected', photo?.id);
    this.#emit('selected');
  }

  /** What was selected when the page was left. */
  reselect(): void {
    const id = recall<string>('selected');
    const photo = this.photos.find((one) => one.id === id);
    if (photo) this.select(photo);
  }

  pixels(photo: Photo): Promise<Blob> {
    return this.collection.pixels(photo);
  }

  remove(photos: Photo[]): Promise<void> {
    return this.collection.remove(photos);
  }

  /** Takes another model into use. @returns the old one, which nothing uses any more */
  async use(model: VisionTransformer, weights: Weights | undefined): Promise<VisionTransformer | undefined> {
    const old = this.embedder.model;
    await this.embedder.use(model);
    this.#weights = weights;
    performance.mark('model');
    this.#emit('model');
    return old;
  }

  on(event: Event, listener: () => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  task<T>(
    label: string,
    work: (signal: AbortSignal, progress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#tasks.run(label, work);
  }

  cancelTasks(): void {
    this.#tasks.cancelAll();
  }

  announce(text: string): void {
    announce(text);
  }

  #emit(event: Event): void {
    for (const listener of this.#listeners.get(event) ?? []) listener();
  }
}

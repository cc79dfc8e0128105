import type { WeightedQuery } from 'vitreous/search';
import { type App, fullName, type Photo, type Tab, type TabView } from '../app.js';
import { byId, plural } from '../dom.js';
import { Grid, type Mark, type Placed } from '../grid.js';
import { type Query, QueryPane } from './query-pane.js';
import html from './search.html';

/** "Less like this" pushes more gently than the query pulls: else results would be like nothing. */
const WEIGHT: Record<Mark, number> = { more: 1, less: -0.6 };

export const searchTab: Tab = {
  id: 'search',
  label: 'Search',
  icon: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20',
  mount(panel, app) {
    panel.innerHTML = html;
    return new SearchTab(app);
  },
};

/** The collection as a grid; with a query, the most similar first. */
class SearchTab implements TabView {
  #app: App;
  #grid: Grid;
  #pane: QueryPane;
  #query: Query | undefined;
  /** A screen reader has yet to be told of the query; photos that change begin its search anew. */
  #unsaid = false;
  #marks = new Map<string, Mark>();
  #stop = new AbortController();
  #hidden = true;

  constructor(app: App) {
    this.#app = app;
    this.#grid = new Grid(byId('grid'), {
      onOpen: (photo) => app.select(photo),
      onMark: (photo, mark) => this.#mark(photo, mark),
    });
    this.#pane = new QueryPane(app, {
      onRegion: () => this.#search(true),
      onOutside: (file) => this.#outside(file),
      onUnmark: (photo) => this.#mark(photo, this.#marks.get(photo.id) as Mark),
    });
    byId('show-all').addEventListener('click', () => this.#showAll());
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.#hidden || document.querySelector('dialog[open]')) return;
      if (this.#query || this.#marks.size > 0) this.#showAll();
    });
    app.on('photos', () => {
      for (const id of this.#marks.keys())
        if (!app.photos.some((photo) => photo.id === id)) this.#marks.delete(id);
      if (!this.#hidden) this.#search(false);
    });
    app.on('model', () => this.#hidden || this.#search(true));
    app.on('selected', () => this.#hidden || this.#follow());
  }

  show(): void {
    this.#hidden = false;
    this.#follow();
    this.#search(false);
  }

  hide(): void {
    this.#hidden = true;
  }

  /** Searches for the photo that is selected. */
  async #follow(): Promise<void> {
    const photo = this.#app.selected;
    if (photo === this.#query?.photo) return;
    if (!photo) return this.#take(undefined);
    try {
      const pixels = await this.#app.pixels(photo);
      const { name, edit } = photo;
      if (photo === this.#app.selected) await this.#take({ name, edit, photo, pixels });
    } catch (error) {
      this.#app.fail(error);
    }
  }

  async #outside(file: File): Promise<void> {
    this.#app.select(undefined);
    await this.#take({ name: file.name, pixels: file });
  }

  async #take(query: Query | undefined): Promise<void> {
    this.#query = query;
    this.#unsaid = query !== undefined;
    this.#marks.clear();
    this.#pane.show(query);
    await this.#search(true);
    const columns = byId('columns');
    if (query && columns.getBoundingClientRect().top < 0) columns.scrollIntoView();
  }

  #mark(photo: Photo, mark: Mark): void {
    const taken = this.#marks.get(photo.id) === mark;
    if (taken) this.#marks.delete(photo.id);
    else this.#marks.set(photo.id, mark);
    this.#app.announce(taken ? `${fullName(photo)} does not count.` : `${mark} like ${fullName(photo)}`);
    this.#search(true);
  }

  #showAll(): void {
    const last = this.#query?.photo;
    if (last) this.#app.select(undefined);
    else this.#take(undefined);
    this.#app.announce('All photos, in the order in which they came.');
    if (last) this.#grid.focus(last);
  }

  async #search(glide: boolean): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const query = this.#query;
    const { photos, index } = this.#app;
    const parts = this.#parts();
    const searching = parts.length > 0;
    byId('ranking').hidden = !searching;
    byId('hint').hidden = searching;
    byId('ranking-name').textContent = query
      ? `${this.#pane.hasRegion ? 'this part of ' : ''}${fullName(query)}`
      : 'the marked photos';
    document.body.classList.toggle('is-ranking', searching);
    this.#pane.showMarks(this.#marks);
    const view = { query: query?.photo, marks: this.#marks, glide };
    let order: Placed[] = photos.map((photo) => ({ photo }));
    let found = 0;
    if (searching && index && index.size > 0) {
      try {
        const results = await index.search(parts, { k: index.size, signal });
        const byPhoto = new Map(photos.map((photo) => [photo.id, photo]));
        const first: Placed[] = query?.photo ? [{ photo: query.photo }] : [];
        const ranked = results.flatMap(({ id, score }) => {
          const photo = byPhoto.get(id);
          return photo && photo !== query?.photo ? { photo, score } : [];
        });
        found = ranked.length;
        const waiting = photos.filter((photo) => !photo.embedded && photo !== query?.photo);
        order = [...first, ...ranked, ...waiting.map((photo) => ({ photo }))];
      } catch (error) {
        if (!signal.aborted) this.#app.fail(error);
      }
    }
    if (signal.aborted) return;
    this.#grid.show(order, view);
    if (!query || !this.#unsaid || found === 0) return;
    this.#unsaid = false;
    this.#app.announce(
      `${plural(found, 'photo')} ranked by similarity to ${fullName(query)}. Escape returns.`,
    );
  }

  #parts(): WeightedQuery[] {
    const parts: WeightedQuery[] = [];
    const photo = this.#query?.photo;
    const image = this.#pane.image;
    // What is embedded already need not be again.
    if (photo?.embedded && !this.#pane.hasRegion) parts.push({ id: photo.id });
    else if (image) parts.push({ image });
    for (const [id, mark] of this.#marks)
      if (this.#app.index?.has(id)) parts.push({ id, weight: WEIGHT[mark] });
    return parts;
  }
}

import type { Crop } from 'vitreous';
import { type App, fullName, type Photo } from '../app.js';
import { byId, element } from '../dom.js';
import type { Mark } from '../grid.js';
import { VectorView } from '../vector-view.js';
import { RegionPicker } from './region.js';

/** What is searched for: a photo of the collection, or one from outside. */
export interface Query {
  name: string;
  edit?: string | undefined;
  /** Undefined for one from outside. */
  photo?: Photo | undefined;
  pixels: Blob;
}

export interface QueryPaneEvents {
  /** The part that is searched for is another one. */
  onRegion(): void;
  /** A photo from outside was chosen or dropped. */
  onOutside(file: File): void;
  onUnmark(photo: Photo): void;
}

/** The pane on the photo that is searched for: it, a part of it, what else counts, and its embedding. */
export class QueryPane {
  #app: App;
  #pane = byId('query');
  #image = byId<HTMLImageElement>('query-image');
  #regions: RegionPicker;
  #vector: VectorView;
  #query: Query | undefined;

  constructor(app: App, events: QueryPaneEvents) {
    this.#app = app;
    this.#regions = new RegionPicker(events.onRegion);
    this.#vector = new VectorView(app);
    const file = byId<HTMLInputElement>('query-file');
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      file.value = '';
      if (chosen) events.onOutside(chosen);
    });
    this.#pane.addEventListener('click', (event) => {
      if ((event.target as Element).closest('[data-query="outside"]')) file.click();
    });
    this.#pane.addEventListener('dragover', (event) =>
      this.#pane.classList.toggle('is-over', hasFiles(event)),
    );
    this.#pane.addEventListener('dragleave', () => this.#pane.classList.remove('is-over'));
    this.#pane.addEventListener('drop', (event) => {
      this.#pane.classList.remove('is-over');
      const [dropped] = event.dataTransfer?.files ?? [];
      if (!dropped) return;
      event.preventDefault(); // it does not come to the collection then
      events.onOutside(dropped);
    });
    byId('to-attention').addEventListener('click', () => app.open('attention'));
    byId('remove').addEventListener('click', () => this.#query?.photo && app.remove([this.#query.photo]));
    byId('marks-list').addEventListener('click', (event) => {
      const id = (event.target as Element).closest<HTMLElement>('[data-id]')?.dataset.id;
      const photo = app.photos.find((one) => one.id === id);
      if (photo) events.onUnmark(photo);
    });
  }

  /** The query as an image, cut to the part that is marked. */
  get image(): Blob | Crop<Blob> | undefined {
    const { region } = this.#regions;
    return this.#query && region ? { image: this.#query.pixels, region } : this.#query?.pixels;
  }

  get hasRegion(): boolean {
    return this.#regions.region !== undefined;
  }

  show(query: Query | undefined): void {
    if (query === this.#query) return;
    this.#query = query;
    this.#regions.clear();
    this.#pane.classList.toggle('is-empty', !query);
    if (this.#image.src) URL.revokeObjectURL(this.#image.src);
    this.#image.removeAttribute('src');
    if (!query) return;
    byId('query-title').textContent = query.name;
    byId('query-edit').textContent = query.photo ? (query.edit ?? '') : 'not in the collection';
    const { width = 0, height = 0 } = query.photo ?? {};
    byId('query-size').textContent = width ? `${width} × ${height}` : '';
    byId('query-picture').hidden = false;
    this.#image.onerror = () => {
      // The model may read what the page cannot show.
      byId('query-picture').hidden = true;
    };
    this.#image.alt = fullName(query);
    this.#image.src = URL.createObjectURL(query.pixels);
    for (const id of ['to-attention', 'remove']) byId(id).hidden = !query.photo;
    this.#vector.show(query);
  }

  showMarks(marks: ReadonlyMap<string, Mark>): void {
    const photos = this.#app.photos.filter(({ id }) => marks.has(id));
    byId('marks').hidden = photos.length === 0;
    byId('marks-list').replaceChildren(
      ...photos.map((photo) => {
        const mark = marks.get(photo.id) as Mark;
        const name = `${mark === 'more' ? 'More' : 'Less'} like ${fullName(photo)}`;
        const button = element('button', {
          type: 'button',
          class: `marked ${mark}`,
          'aria-label': `${name}: take back`,
          title: name,
        });
        button.dataset.id = photo.id;
        if (photo.thumbnail) button.append(element('img', { src: photo.thumbnail, alt: '' }));
        button.append(element('span', { 'aria-hidden': 'true' }, mark === 'more' ? '+' : '−'));
        return element('li', {}, button);
      }),
    );
  }
}

const hasFiles = (event: DragEvent) => {
  const files = event.dataTransfer?.types.includes('Files') ?? false;
  if (files) event.preventDefault();
  return files;
};

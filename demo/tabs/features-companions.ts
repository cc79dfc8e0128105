import { type App, fullName, type Photo } from '../app.js';
import { element } from '../dom.js';

const OFFERED = 40;

export interface CompanionsOptions {
  legend: string;
  /** How many may be chosen: 1 makes radio buttons. */
  most: number;
  /** How many are chosen at first: those most like the photo. */
  first: number;
  onChange: () => void;
}

/** The choice of photos beside the selected one, those most like it first. */
export class Companions {
  readonly element: HTMLFieldSetElement;
  #app: App;
  #options: CompanionsOptions;
  #list = element('div', { class: 'companions' });
  #offered: Photo[] = [];
  #chosen = new Set<string>();
  #touched = false;
  #photo: Photo | undefined;

  constructor(app: App, options: CompanionsOptions) {
    this.#app = app;
    this.#options = options;
    this.element = element(
      'fieldset',
      { class: 'companions-field' },
      element('legend', {}, options.legend),
      this.#list,
    );
    this.#list.addEventListener('change', () => {
      const inputs = [...this.#list.querySelectorAll('input')];
      this.#chosen = new Set(inputs.filter(({ checked }) => checked).map(({ value }) => value));
      this.#touched = true;
      this.#limit();
      options.onChange();
    });
  }

  /** In the order in which they are offered. */
  get chosen(): Photo[] {
    return this.#offered.filter(({ id }) => this.#chosen.has(id));
  }

  /**
   * Offers what is like this photo. What is chosen stays as long as the photo does, once there are as many as at first, or
   * the visitor has chosen.
   */
  async follow(photo: Photo): Promise<void> {
    if (photo.id !== this.#photo?.id) {
      this.#touched = false;
      this.#chosen.clear();
    }
    this.#photo = photo;
    const offered = await this.#similar(photo);
    if (photo !== this.#photo) return;
    const { first } = this.#options;
    if (!this.#touched && this.#chosen.size < first)
      this.#chosen = new Set(offered.slice(0, first).map(({ id }) => id));
    const key = keyOf(offered);
    if (key !== this.#list.dataset.key) this.#draw(offered, key);
    this.#offered = offered;
    for (const input of this.#list.querySelectorAll('input')) input.checked = this.#chosen.has(input.value);
    this.#limit();
  }

  async #similar(photo: Photo): Promise<Photo[]> {
    const { index, photos } = this.#app;
    if (!index?.has(photo.id)) return photos.filter(({ id }) => id !== photo.id).slice(0, OFFERED);
    const byId = new Map(photos.map((each) => [each.id, each]));
    // Rejects where the model is exchanged meanwhile; then there is another index to ask.
    const found = await index.search({ id: photo.id }, { k: OFFERED + 1 }).catch(() => []);
    return found.flatMap(({ id }) => (id === photo.id ? [] : (byId.get(id) ?? [])));
  }

  /** The keyboard stays on its photo. */
  #draw(offered: Photo[], key: string): void {
    const focused =
      this.#list.contains(document.activeElement) && (document.activeElement as HTMLInputElement);
    this.#list.dataset.key = key;
    const type = this.#options.most === 1 ? 'radio' : 'checkbox';
    this.#list.replaceChildren(
      ...offered.map((photo) => {
        const input = element('input', { type, name: this.#options.legend, value: photo.id });
        input.setAttribute('aria-label', fullName(photo));
        const picture = photo.thumbnail
          ? element('img', { src: photo.thumbnail, alt: '', loading: 'lazy', draggable: 'false' })
          : element('span', { class: 'companion-name' }, photo.name);
        return element('label', { class: 'companion', title: fullName(photo) }, input, picture);
      }),
    );
    const inputs = [...this.#list.querySelectorAll('input')];
    if (focused) inputs.find(({ value }) => value === focused.value)?.focus();
  }

  #limit(): void {
    const full = this.#options.most > 1 && this.#chosen.size >= this.#options.most;
    for (const input of this.#list.querySelectorAll('input')) input.disabled = full && !input.checked;
  }
}

/** Changes with what is drawn. */
const keyOf = (photos: Photo[]) => photos.map(({ id, thumbnail }) => `${id} ${thumbnail ?? ''}`).join();

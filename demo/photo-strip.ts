import { type App, fullName, type Photo } from './app.js';
import { element } from './dom.js';

/** So many photos are in the strip at first; more come when its end is in view. */
const AT_ONCE = 60;

export interface PhotoStripOptions {
  /** What the choice is for; read out by screen readers. */
  label: string;
  /** Default: chooses the photo for all tabs. */
  onChoose?: (photo: Photo) => void;
}

/**
 * A row of thumbnails to choose a photo from: one stop of the Tab key, arrows within. It follows the collection; the owner
 * says which photo is chosen.
 */
export class PhotoStrip {
  readonly element: HTMLUListElement;
  #app: App;
  #buttons = new Map<string, HTMLButtonElement>();
  #chosen: Photo | undefined;
  #limit = AT_ONCE;
  #end = element('li', { class: 'strip-end', 'aria-hidden': 'true' });

  constructor(app: App, { label, onChoose = (photo) => app.select(photo) }: PhotoStripOptions) {
    this.#app = app;
    this.element = element('ul', { class: 'strip', role: 'list', 'aria-label': label });
    this.element.addEventListener('click', (event) => {
      const photo = this.#photoAt(event.target);
      if (photo) onChoose(photo);
    });
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
    app.on('photos', () => this.#draw());
    new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting || this.#limit >= app.photos.length) return;
        this.#limit += AT_ONCE;
        this.#draw();
      },
      { root: this.element, rootMargin: '0px 400px' },
    ).observe(this.#end);
    this.#draw();
  }

  /** Marks the chosen photo, and brings it into view. */
  choose(photo: Photo | undefined): void {
    this.#chosen = photo;
    const at = photo ? this.#app.photos.indexOf(photo) : -1;
    if (at >= this.#limit) this.#limit = at + AT_ONCE;
    this.#draw();
    const button = photo && this.#buttons.get(photo.id);
    if (!button) return;
    const { left, width } = button.getBoundingClientRect();
    const strip = this.element.getBoundingClientRect();
    // Not by scrollIntoView, which scrolls the page too.
    this.element.scrollLeft += left + width / 2 - (strip.left + strip.width / 2);
  }

  #draw(): void {
    const shown = this.#app.photos.slice(0, this.#limit);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, button] of this.#buttons) {
      if (ids.has(id)) continue;
      button.parentElement?.remove();
      this.#buttons.delete(id);
    }
    const stop = this.#chosen && ids.has(this.#chosen.id) ? this.#chosen.id : shown[0]?.id;
    for (const photo of shown) {
      let button = this.#buttons.get(photo.id);
      if (!button) {
        button = element('button', { type: 'button', class: 'strip-photo', 'aria-label': fullName(photo) });
        button.dataset.id = photo.id;
        button.title = fullName(photo);
        this.#buttons.set(photo.id, button);
        this.element.append(element('li', {}, button));
      }
      if (photo.thumbnail && !button.firstChild)
        button.append(element('img', { src: photo.thumbnail, alt: '', draggable: 'false' }));
      button.setAttribute('aria-pressed', String(photo.id === this.#chosen?.id));
      button.tabIndex = photo.id === stop ? 0 : -1;
    }
    this.element.append(this.#end);
  }

  #photoAt(target: EventTarget | null): Photo | undefined {
    const button = target instanceof Element ? target.closest<HTMLElement>('.strip-photo') : null;
    return button ? this.#app.photos.find(({ id }) => id === button.dataset.id) : undefined;
  }

  #onKey(event: KeyboardEvent): void {
    const buttons = [...this.#buttons.values()];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    const next = to === undefined ? undefined : buttons[to];
    if (!next) return;
    event.preventDefault();
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}

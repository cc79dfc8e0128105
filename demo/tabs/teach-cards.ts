import { fullName, type Photo } from '../app.js';
import { element } from '../dom.js';
import type { Prediction } from './teach-learner.js';
import type { Lesson } from './teach-lessons.js';

/** The type under which a dragged photo's id travels. */
export const DRAGGED = 'application/x-vitreous-photo';

/** What is said of a photo. */
export interface Said {
  /** The class it is an example of. */
  example?: Lesson | undefined;
  prediction?: Prediction | undefined;
  /** Of the predicted class. */
  colour?: string | undefined;
  /** Whether a click would take the example back. */
  pressed: boolean;
}

/** A list of photos to label: a click, a key or a drag each. One stop of the Tab key, arrows within. */
export class Cards {
  readonly element: HTMLUListElement;
  #cards = new Map<string, HTMLButtonElement>();
  #photos: Photo[] = [];
  #stop: string | undefined;

  constructor(label: string, onAssign: (photo: Photo, key?: string) => void) {
    this.element = element('ul', { class: 'teach-cards', role: 'list', 'aria-label': label });
    this.element.addEventListener('click', (event) => {
      const photo = this.#photoAt(event.target);
      if (photo) onAssign(photo);
    });
    this.element.addEventListener('keydown', (event) => {
      const photo = this.#photoAt(event.target);
      if (!photo || event.altKey || event.ctrlKey || event.metaKey) return;
      if (/^[0-9]$|^Delete$|^Backspace$/.test(event.key)) onAssign(photo, event.key);
      else if (!this.#move(event.key, photo)) return;
      event.preventDefault();
    });
    this.element.addEventListener('dragstart', (event) => {
      const photo = this.#photoAt(event.target);
      if (photo && event.dataTransfer) event.dataTransfer.setData(DRAGGED, photo.id);
    });
    this.element.addEventListener('focusin', (event) => this.#stopAt(this.#photoAt(event.target)?.id));
  }

  /** Whoever had the keyboard keeps it: the photo if it is still here, else the one in its place. */
  show(photos: Photo[], say: (photo: Photo) => Said): void {
    const focused = this.#photoAt(document.activeElement);
    const place = focused ? this.#photos.indexOf(focused) : -1;
    this.#photos = photos;
    const ids = new Set(photos.map(({ id }) => id));
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      card.parentElement?.remove();
      this.#cards.delete(id);
    }
    for (const [i, photo] of photos.entries()) {
      const card = this.#cards.get(photo.id) ?? this.#make(photo);
      const item = card.parentElement as HTMLElement;
      if (this.element.children[i] !== item)
        this.element.insertBefore(item, this.element.children[i] ?? null);
      update(card, photo, say(photo));
    }
    if (place >= 0) {
      const next = photos.includes(focused as Photo) ? focused : photos[Math.min(place, photos.length - 1)];
      if (next) this.#cards.get(next.id)?.focus();
    }
    this.#stopAt(ids.has(this.#stop ?? '') ? this.#stop : photos[0]?.id);
  }

  #make(photo: Photo): HTMLButtonElement {
    const card = element(
      'button',
      { type: 'button', class: 'teach-card', draggable: 'true', tabindex: '-1' },
      element('span', { class: 'teach-picture' }),
      element('span', { class: 'teach-said' }),
    );
    card.dataset.id = photo.id;
    card.title = fullName(photo);
    this.#cards.set(photo.id, card);
    element('li', {}, card);
    return card;
  }

  #stopAt(id: string | undefined): void {
    this.#stop = id;
    for (const [each, card] of this.#cards) card.tabIndex = each === id ? 0 : -1;
  }

  #move(key: string, photo: Photo): boolean {
    const at = this.#photos.indexOf(photo);
    const tops = this.#photos.map(({ id }) => this.#cards.get(id)?.getBoundingClientRect().top);
    const columns = tops.filter((top) => top === tops[0]).length;
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at + columns,
      Home: 0,
      End: this.#photos.length - 1,
    }[key];
    const next = to === undefined ? undefined : this.#photos[to];
    if (next) this.#cards.get(next.id)?.focus();
    return to !== undefined;
  }

  #photoAt(target: EventTarget | null): Photo | undefined {
    const card = target instanceof Element ? target.closest<HTMLElement>('.teach-card') : null;
    if (!card || !this.element.contains(card)) return undefined;
    return this.#photos.find(({ id }) => id === card.dataset.id);
  }
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

function update(card: HTMLButtonElement, photo: Photo, { example, prediction, colour, pressed }: Said): void {
  const [picture, said] = card.children as unknown as [HTMLElement, HTMLElement];
  if (photo.thumbnail && !picture.firstChild)
    picture.append(element('img', { src: photo.thumbnail, alt: '', loading: 'lazy', draggable: 'false' }));
  const state = JSON.stringify([example, prediction, colour, pressed, photo.embedded]);
  if (state === card.dataset.state) return;
  card.dataset.state = state;
  card.classList.toggle('is-example', example !== undefined);
  card.setAttribute('aria-pressed', String(pressed));
  card.style.setProperty('--class', example?.colour ?? colour ?? 'transparent');
  card.style.setProperty('--sure', String(example ? 1 : (prediction?.probability ?? 0)));
  const words = example
    ? `an example of ${example.name}`
    : prediction
      ? `predicted ${prediction.label}, ${percent(prediction.probability)} sure`
      : photo.embedded
        ? 'no class yet'
        : 'waiting for its embedding';
  card.setAttribute('aria-label', `${fullName(photo)}: ${words}`);
  card.dataset.label = example?.name ?? '';
  card.dataset.predicted = prediction?.label ?? '';
  said.replaceChildren(
    element('span', { class: 'teach-name' }, example?.name ?? prediction?.label ?? '–'),
    element(
      'span',
      { class: 'teach-share' },
      example ? 'example' : prediction ? percent(prediction.probability) : '',
    ),
  );
}

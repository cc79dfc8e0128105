import { byId, element, reducedMotion } from './dom.js';
import type { Photo, Ranked } from './photos.js';

export interface GridEvents {
  onOpen(photo: Photo): void;
  /** Hovered or focused; undefined when neither any more. */
  onPoint(photo: Photo | undefined, card: HTMLElement | undefined): void;
}

interface Card {
  photo: Photo;
  item: HTMLLIElement;
  button: HTMLButtonElement;
  /** What its badge says; undefined until it is labelled. */
  badge?: string;
}

// A pointer that only crosses a card does not ask for its map.
const HOVER_MS = 110;
const MOVE_MS = 420;

/** The photos as a grid of buttons: one stop of the Tab key, arrows within. */
export class Grid {
  #list = byId<HTMLUListElement>('grid');
  #cards = new Map<number, Card>();
  #order: Ranked[] = [];
  #hover: ReturnType<typeof setTimeout> | undefined;

  constructor(events: GridEvents) {
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('click', (event) => {
      const card = this.#cardAt(event.target);
      if (card) events.onOpen(card.photo);
    });
    this.#list.addEventListener('pointerover', (event) => {
      if (event.pointerType === 'touch') return;
      clearTimeout(this.#hover);
      const card = this.#cardAt(event.target);
      this.#hover = setTimeout(() => events.onPoint(card?.photo, card?.button), HOVER_MS);
    });
    this.#list.addEventListener('pointerleave', () => {
      clearTimeout(this.#hover);
      const card = this.#cardAt(document.activeElement);
      events.onPoint(card?.photo, card?.button);
    });
    this.#list.addEventListener('focusin', (event) => {
      const card = this.#cardAt(event.target);
      if (!card) return;
      this.#makeTabStop(card);
      if (card.button.matches(':focus-visible')) events.onPoint(card.photo, card.button);
    });
  }

  /** Shows the photos in this order; with `glide`, those that move are seen to. */
  show(order: Ranked[], query: Photo | undefined, glide: boolean): void {
    const before = glide ? this.#places() : undefined;
    const ids = new Set(order.map(({ photo }) => photo.id));
    for (const [id, { item }] of this.#cards) {
      if (ids.has(id)) continue;
      item.remove();
      this.#cards.delete(id);
    }
    // Moving a focused element takes the focus away.
    const focused = document.activeElement as HTMLElement;
    let next = this.#list.firstElementChild;
    for (const ranked of order) {
      const item = this.#draw(ranked, query);
      if (item === next) next = next.nextElementSibling;
      else this.#list.insertBefore(item, next);
    }
    if (focused !== document.activeElement && this.#list.contains(focused))
      focused.focus({ preventScroll: true });
    this.#order = order;
    if (!this.#list.querySelector('button[tabindex="0"]')) {
      const first = order[0] && this.#cards.get(order[0].photo.id);
      if (first) this.#makeTabStop(first);
    }
    if (before?.size) this.#glide(before);
  }

  /** Redraws one photo whose thumbnail or embedding came. */
  update(photo: Photo): void {
    const card = this.#cards.get(photo.id);
    if (card) this.#picture(card);
  }

  focus(photo: Photo): void {
    const card = this.#cards.get(photo.id);
    if (!card) return;
    this.#makeTabStop(card);
    card.button.focus();
  }

  #cardAt(target: EventTarget | null): Card | undefined {
    const item = target instanceof Element ? target.closest<HTMLElement>('#grid > li') : null;
    return item ? this.#cards.get(Number(item.dataset.id)) : undefined;
  }

  #draw({ photo, similarity }: Ranked, query: Photo | undefined): HTMLLIElement {
    let card = this.#cards.get(photo.id);
    if (!card) {
      const button = element('button', { type: 'button', class: 'card', tabindex: '-1' });
      button.append(element('span', { class: 'picture' }), element('span', { class: 'caption' }));
      const item = element('li', {}, button);
      item.dataset.id = String(photo.id);
      card = { photo, item, button };
      this.#cards.set(photo.id, card);
      this.#picture(card);
    }
    const isQuery = photo === query;
    this.#label(card, isQuery, isQuery ? 'Query' : (similarity?.toFixed(3) ?? ''));
    return card.item;
  }

  /** Touches the page only where something changed: there may be a thousand cards. */
  #label(card: Card, isQuery: boolean, badge: string): void {
    if (card.badge === badge) return;
    card.badge = badge;
    const { button, photo } = card;
    button.classList.toggle('is-query', isQuery);
    button.querySelector('.badge')?.remove();
    if (badge) button.append(element('span', { class: 'badge' }, badge));
    if (isQuery) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    const rank = isQuery ? ', the photo you compare with' : badge && `, similarity ${badge}`;
    button.setAttribute('aria-label', fullName(photo) + rank);
  }

  #picture({ photo, button }: Card): void {
    button.classList.toggle('is-waiting', !photo.embedding);
    const caption = button.querySelector('.caption') as HTMLElement;
    if (!caption.hasChildNodes()) {
      const name = element('span', { class: 'name' }, photo.name);
      caption.append(name, ...(photo.edit ? [element('span', { class: 'edit' }, photo.edit)] : []));
    }
    const place = button.querySelector('.picture') as HTMLElement;
    if (!photo.thumbnail || place.querySelector('img')) return;
    place.append(element('img', { src: photo.thumbnail, alt: '', decoding: 'async', draggable: 'false' }));
  }

  #makeTabStop(card: Card): void {
    for (const old of this.#list.querySelectorAll('button[tabindex="0"]')) old.setAttribute('tabindex', '-1');
    card.button.setAttribute('tabindex', '0');
  }

  #onKey(event: KeyboardEvent): void {
    const card = this.#cardAt(event.target);
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#order.findIndex(({ photo }) => photo === card.photo);
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(' ').length;
    const last = this.#order.length - 1;
    const to: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: Math.floor(at / columns) < Math.floor(last / columns) ? Math.min(at + columns, last) : at,
      Home: 0,
      End: last,
    };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const ranked = this.#order[next];
    if (ranked) this.focus(ranked.photo);
  }

  /** Where the cards are that can be seen; none if nothing may move. */
  #places(): Map<number, DOMRect> {
    const places = new Map<number, DOMRect>();
    if (reducedMotion() || document.hidden) return places;
    for (const [id, { item }] of this.#cards) {
      const place = item.getBoundingClientRect();
      if (place.bottom > 0 && place.top < innerHeight) places.set(id, place);
    }
    return places;
  }

  #glide(before: Map<number, DOMRect>): void {
    for (const [id, { item }] of this.#cards) {
      const now = item.getBoundingClientRect();
      if (now.bottom < 0 || now.top > innerHeight) continue;
      const old = before.get(id);
      const frames = old
        ? [
            { transform: `translate(${old.left - now.left}px, ${old.top - now.top}px)` },
            { transform: 'none' },
          ]
        : [
            { opacity: 0, transform: 'scale(.96)' },
            { opacity: 1, transform: 'none' },
          ];
      item.animate(frames, { duration: MOVE_MS, easing: 'cubic-bezier(.2, .7, .2, 1)' });
    }
  }
}

/** The name of a photo with what was done to it. */
export const fullName = ({ name, edit }: Photo) => (edit ? `${name}, ${edit}` : name);

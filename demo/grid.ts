import { fullName, type Photo } from './app.js';
import { element, reducedMotion } from './dom.js';

/** A photo's place in the grid. */
export interface Placed {
  photo: Photo;
  /** Cosine to what is searched for; undefined for that itself and where nothing is. */
  score?: number | undefined;
}

/** Whether results are to be more like a photo, or less. */
export type Mark = 'more' | 'less';

export interface GridEvents {
  onOpen(photo: Photo): void;
  /** The button, or the key, was pressed; again takes it back. */
  onMark(photo: Photo, mark: Mark): void;
}

interface Card {
  photo: Photo;
  item: HTMLLIElement;
  button: HTMLButtonElement;
  /** What it shows, to be compared with what it is to show. */
  shown?: string;
}

const MOVE_MS = 420;
/** So many cards are there at first; more come when the end is near: a collection may have thousands. */
const AT_ONCE = 48;

/** The photos as a grid of buttons: one stop of the Tab key, arrows within. */
export class Grid {
  #list: HTMLUListElement;
  #events: GridEvents;
  #cards = new Map<string, Card>();
  #order: Placed[] = [];
  #query: Photo | undefined;
  #marks: ReadonlyMap<string, Mark> = new Map();
  #limit = AT_ONCE;
  #end = element('li', { class: 'grid-end', 'aria-hidden': 'true' });

  constructor(list: HTMLUListElement, events: GridEvents) {
    this.#list = list;
    this.#events = events;
    list.append(this.#end);
    list.addEventListener('keydown', (event) => this.#onKey(event));
    list.addEventListener('click', (event) => {
      const card = this.#cardAt(event.target);
      const mark = (event.target as Element).closest<HTMLElement>('[data-mark]')?.dataset.mark;
      if (card && mark) events.onMark(card.photo, mark as Mark);
      else if (card) events.onOpen(card.photo);
    });
    list.addEventListener('focusin', (event) => {
      const card = this.#cardAt(event.target);
      if (card && event.target === card.button) this.#makeTabStop(card);
    });
    new IntersectionObserver(([entry]) => entry?.isIntersecting && this.#more(), {
      rootMargin: '800px',
    }).observe(this.#end);
  }

  /** Shows the photos in this order; with `glide`, those that move are seen to. */
  show(
    order: Placed[],
    {
      query,
      marks,
      glide = false,
    }: { query?: Photo | undefined; marks: ReadonlyMap<string, Mark>; glide?: boolean },
  ): void {
    const before = glide ? this.#places() : undefined;
    this.#order = order;
    this.#query = query;
    this.#marks = marks;
    if (glide) this.#limit = AT_ONCE;
    this.#draw();
    if (before?.size) this.#glide(before);
  }

  focus(photo: Photo): void {
    const at = this.#order.findIndex((placed) => placed.photo === photo);
    if (at >= this.#limit) {
      this.#limit = at + AT_ONCE;
      this.#draw();
    }
    const card = this.#cards.get(photo.id);
    if (!card) return;
    this.#makeTabStop(card);
    card.button.focus();
  }

  #more(): void {
    if (this.#limit >= this.#order.length) return;
    this.#limit += AT_ONCE;
    this.#draw();
    // The observer tells of a change only: where the new end is near too, it must be asked again.
    requestAnimationFrame(() => {
      const { top } = this.#end.getBoundingClientRect();
      if (top < innerHeight + 800 && this.#end.offsetParent) this.#more();
    });
  }

  #draw(): void {
    const shown = this.#order.slice(0, this.#limit);
    const ids = new Set(shown.map(({ photo }) => photo.id));
    for (const [id, { item }] of this.#cards) {
      if (ids.has(id)) continue;
      item.remove();
      this.#cards.delete(id);
    }
    // Moving a focused element takes the focus away.
    const focused = document.activeElement as HTMLElement;
    let next = this.#list.firstElementChild;
    for (const placed of shown) {
      const item = this.#card(placed);
      if (item === next) next = next.nextElementSibling;
      else this.#list.insertBefore(item, next);
    }
    if (focused !== document.activeElement && this.#list.contains(focused))
      focused.focus({ preventScroll: true });
    if (!this.#list.querySelector('.card-open[tabindex="0"]')) {
      const first = shown[0] && this.#cards.get(shown[0].photo.id);
      if (first) this.#makeTabStop(first);
    }
  }

  #cardAt(target: EventTarget | null): Card | undefined {
    const item = target instanceof Element ? target.closest<HTMLElement>('.grid > li') : null;
    return item?.dataset.id ? this.#cards.get(item.dataset.id) : undefined;
  }

  /** Touches the page only where something changed. */
  #card({ photo, score }: Placed): HTMLLIElement {
    let card = this.#cards.get(photo.id);
    if (!card) {
      const button = element(
        'button',
        { type: 'button', class: 'card-open', tabindex: '-1', 'aria-keyshortcuts': '+ -' },
        element('span', { class: 'picture' }),
        caption(photo),
      );
      const marks = element('span', { class: 'card-marks' }, markButton('more'), markButton('less'));
      const item = element('li', {}, element('div', { class: 'card' }, button, marks));
      item.dataset.id = photo.id;
      card = { photo, item, button };
      this.#cards.set(photo.id, card);
    }
    const isQuery = photo === this.#query;
    const badge = isQuery ? 'Query' : (score?.toFixed(3) ?? '');
    const mark = this.#marks.get(photo.id);
    const now = [badge, mark, photo.embedded, photo.thumbnail].join();
    if (card.shown !== now) {
      card.shown = now;
      draw(card, badge, isQuery, mark);
    }
    return card.item;
  }

  #makeTabStop(card: Card): void {
    for (const old of this.#list.querySelectorAll('.card-open[tabindex="0"]'))
      old.setAttribute('tabindex', '-1');
    card.button.setAttribute('tabindex', '0');
  }

  #onKey(event: KeyboardEvent): void {
    const card = this.#cardAt(event.target);
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    const mark = ({ '+': 'more', '=': 'more', '-': 'less', '−': 'less' } as Record<string, Mark>)[event.key];
    if (mark) {
      event.preventDefault();
      this.#events.onMark(card.photo, mark);
      return;
    }
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
    const placed = this.#order[next];
    if (placed) this.focus(placed.photo);
  }

  /** Where the cards are that can be seen; none if nothing may move. */
  #places(): Map<string, DOMRect> {
    const places = new Map<string, DOMRect>();
    if (reducedMotion() || document.hidden) return places;
    for (const [id, { item }] of this.#cards) {
      const place = item.getBoundingClientRect();
      if (place.bottom > 0 && place.top < innerHeight) places.set(id, place);
    }
    return places;
  }

  #glide(before: Map<string, DOMRect>): void {
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

/** What is read out between what is seen. */
const said = (text: string) => element('span', { class: 'visually-hidden' }, text);

function caption({ name, edit }: Photo): HTMLElement {
  const lines = [element('span', { class: 'name' }, name)];
  if (edit) lines.push(element('span', { class: 'edit' }, said(', '), edit));
  return element('span', { class: 'caption' }, ...lines);
}

/** Not a stop of the Tab key: the card has keys for it. */
const markButton = (mark: Mark) =>
  element(
    'button',
    {
      type: 'button',
      class: 'mark',
      tabindex: '-1',
      'data-mark': mark,
      title: `${mark === 'more' ? 'More' : 'Less'} like this`,
    },
    mark === 'more' ? '+' : '−',
  );

function draw({ photo, button, item }: Card, badge: string, isQuery: boolean, mark: Mark | undefined): void {
  button.parentElement?.classList.toggle('is-query', isQuery);
  button.classList.toggle('is-waiting', !photo.embedded);
  for (const old of button.querySelectorAll('.badge, .marked-as')) old.remove();
  if (badge)
    button.append(element('span', { class: 'badge' }, said(isQuery ? ', ' : ', similarity '), badge));
  if (mark) button.append(element('span', { class: 'marked-as' }, said(`, ${mark} like this`)));
  if (isQuery) button.setAttribute('aria-current', 'true');
  else button.removeAttribute('aria-current');
  for (const one of item.querySelectorAll<HTMLElement>('.mark')) {
    one.setAttribute('aria-pressed', String(one.dataset.mark === mark));
    one.setAttribute('aria-label', `${one.title}: ${fullName(photo)}`);
  }
  const place = button.querySelector('.picture') as HTMLElement;
  if (photo.thumbnail && !place.firstChild)
    place.append(element('img', { src: photo.thumbnail, alt: '', decoding: 'async', draggable: 'false' }));
}

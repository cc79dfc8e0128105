import type { App, Tab, TabView } from './app.js';
import { byId, element, icon } from './dom.js';

interface Place {
  tab: Tab;
  button: HTMLButtonElement;
  panel: HTMLElement;
  /** Undefined before the first visit. */
  view?: TabView;
}

/** The tabs: the one in the address's hash is shown, so that reloading and going back keep it. */
export class TabList {
  #list = byId('tabs');
  #places: Place[];
  #app: App;
  #onLeave: () => void;
  #current: Place | undefined;
  #empty = false;

  /** @param onLeave - a tab was left */
  constructor(tabs: Tab[], app: App, onLeave: () => void) {
    this.#app = app;
    this.#onLeave = onLeave;
    this.#places = tabs.map((tab) => {
      const button = element(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${tab.id}`,
          'aria-controls': `panel-${tab.id}`,
          class: 'tab',
        },
        icon(tab.icon),
        element('span', {}, tab.label),
      );
      const panel = element('section', {
        id: `panel-${tab.id}`,
        role: 'tabpanel',
        'aria-labelledby': `tab-${tab.id}`,
        class: 'tab-panel',
      });
      panel.hidden = true;
      button.addEventListener('click', () => this.open(tab.id));
      return { tab, button, panel };
    });
    this.#list.append(...this.#places.map(({ button }) => button));
    byId('panels').append(...this.#places.map(({ panel }) => panel));
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    addEventListener('hashchange', () => this.#follow());
  }

  /** Shows the tab of the address; to be called once the app is ready. */
  start(): void {
    this.#follow();
  }

  open(id: string): void {
    if (location.hash === `#${id}`) this.#follow();
    else location.hash = id;
  }

  /** Whether there are no photos: then the page shows how to add some, except where a tab needs none. */
  set empty(empty: boolean) {
    this.#empty = empty;
    this.#arrange();
  }

  get current(): Tab | undefined {
    return this.#current?.tab;
  }

  #follow(): void {
    const id = location.hash.slice(1);
    const place = this.#places.find(({ tab }) => tab.id === id) ?? this.#places[0];
    if (place === this.#current) return;
    this.#leave();
    this.#current = place;
    this.#arrange();
    scrollTo(0, 0);
    place?.button.scrollIntoView({ block: 'nearest', inline: 'center' });
  }

  #leave(): void {
    const place = this.#current;
    if (!place || place.panel.hidden) return;
    place.panel.hidden = true;
    place.view?.hide();
    this.#onLeave();
  }

  #arrange(): void {
    const current = this.#current;
    if (!current) return;
    const intro = this.#empty && !current.tab.worksEmpty;
    byId('intro').hidden = !intro;
    for (const { button } of this.#places) {
      const isCurrent = button === current.button;
      button.setAttribute('aria-selected', String(isCurrent));
      button.tabIndex = isCurrent ? 0 : -1;
    }
    document.body.dataset.tab = current.tab.id;
    if (intro) this.#leave();
    else if (current.panel.hidden) {
      current.panel.hidden = false;
      current.view ??= this.#mount(current);
      current.view.show();
    }
  }

  #mount({ tab, panel }: Place): TabView {
    const view = tab.mount(panel, this.#app);
    // Headings of parts have one above them.
    panel.prepend(element('h2', { class: 'visually-hidden' }, tab.label));
    return view;
  }

  #onKey(event: KeyboardEvent): void {
    const at = this.#places.findIndex(({ button }) => button === event.target);
    const { length } = this.#places;
    const to = { ArrowLeft: at + length - 1, ArrowRight: at + 1, Home: 0, End: length - 1 }[event.key];
    const next = to === undefined ? undefined : this.#places[to % length];
    if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    // Passing over tabs is no way to go back.
    history.replaceState(null, '', `#${next.tab.id}`);
    this.#follow();
    next.button.focus();
  }
}

import { type App, fullName, type Photo, type Tab, type TabView } from '../app.js';
import { button, coalesce, download, Range } from '../controls.js';
import { element, plural } from '../dom.js';
import { keep, recall } from '../state.js';

/** So many groups are shown at first, and more each time. */
const AT_ONCE = 40;
const MIN_SCORE = 0.95;

export const duplicatesTab: Tab = {
  id: 'duplicates',
  label: 'Duplicates',
  icon: 'M8 8h12v12H8zM16 8V4H4v12h4',
  mount: (panel, app) => new DuplicatesTab(panel, app),
};

/** Groups of photos that are nearly the same, side by side; one of each is kept. */
class DuplicatesTab implements TabView {
  #app: App;
  #shown = false;
  #groups: Photo[][] = [];
  /** Ids of those that are kept. */
  #kept = new Set<string>();
  #limit = AT_ONCE;
  /** Of what the groups were made. */
  #seen = '';
  #search = coalesce(
    () => this.#find(),
    (error) => this.#app.fail(error),
  );

  #threshold: Range;
  #count = element('p', { class: 'tool-count', role: 'status' });
  #largest = button('Keep the largest of each', () => this.#keepLargest());
  #export = button('Export list', () => this.#save());
  #remove = button('Remove the others', () => this.#removeOthers(), 'danger');
  #list = element('ol', { class: 'groups', 'aria-label': 'Groups of near-duplicates' });
  #more = button('More groups', () => this.#showMore());

  constructor(panel: HTMLElement, app: App) {
    this.#app = app;
    this.#threshold = new Range('As alike as', {
      min: 0.8,
      max: 1,
      step: 0.005,
      value: recall<number>('duplicates') ?? MIN_SCORE,
      format: (value) => value.toFixed(3),
      onInput: (value) => {
        keep('duplicates', value);
        this.#search();
      },
    });
    this.#list.addEventListener('change', (event) => {
      const box = event.target as HTMLInputElement;
      if (box.checked) this.#kept.add(box.value);
      else this.#kept.delete(box.value);
      this.#summarize();
    });
    panel.append(
      element(
        'div',
        { class: 'tool-head' },
        element(
          'div',
          {},
          element('h2', {}, 'Near-duplicates'),
          element(
            'p',
            { class: 'muted' },
            'Photos whose embeddings have at least this cosine, directly or over others. Nothing is deleted from your disk.',
          ),
        ),
        this.#threshold.element,
      ),
      element(
        'div',
        { class: 'tool-bar' },
        this.#count,
        element('div', { class: 'buttons' }, this.#largest, this.#export, this.#remove),
      ),
      this.#list,
      this.#more,
    );
    for (const event of ['photos', 'model'] as const) app.on(event, () => this.#shown && this.#search());
  }

  show(): void {
    this.#shown = true;
    this.#search();
  }

  hide(): void {
    this.#shown = false;
  }

  async #find(): Promise<void> {
    const { index, photos, model } = this.#app;
    const minScore = this.#threshold.value;
    if (!index) {
      this.#count.textContent = 'The model is on its way …';
      return;
    }
    const embedded = photos.filter((photo) => photo.embedded);
    const seen = [model?.config.name, minScore, ...embedded.map(({ id }) => id)].join();
    if (seen === this.#seen) return;
    const groups = await this.#app.task('Comparing the photos', (signal, progress) =>
      index.duplicateGroups({ minScore, signal, onProgress: ({ done, total }) => progress(done, total) }),
    );
    if (!groups) return;
    this.#seen = seen;
    const byId = new Map(photos.map((photo) => [photo.id, photo]));
    this.#groups = groups
      .map((ids) => ids.flatMap((id) => byId.get(id) ?? []))
      .filter(({ length }) => length > 1);
    this.#limit = AT_ONCE;
    this.#keepLargest();
  }

  /** The most pixels; of as many the most bytes, which are less compressed. */
  #keepLargest(): void {
    const best = (group: Photo[]) => group.reduce((a, b) => (larger(a, b) >= 0 ? a : b));
    this.#kept = new Set(this.#groups.map((group) => best(group).id));
    this.#draw();
  }

  get #others(): Photo[] {
    return this.#groups.flat().filter(({ id }) => !this.#kept.has(id));
  }

  #showMore(): void {
    const first = this.#limit;
    this.#limit += AT_ONCE;
    this.#draw();
    this.#list.children[first]?.querySelector('input')?.focus();
  }

  #draw(): void {
    this.#list.replaceChildren(
      ...this.#groups.slice(0, this.#limit).map((group, i) => this.#group(group, i)),
    );
    this.#more.hidden = this.#groups.length <= this.#limit;
    this.#summarize();
  }

  #group(group: Photo[], i: number): HTMLElement {
    const cards = group.map((photo) => {
      const box = element('input', { type: 'checkbox', value: photo.id });
      box.checked = this.#kept.has(photo.id);
      const picture = element('span', { class: 'picture' });
      if (photo.thumbnail) picture.append(element('img', { src: photo.thumbnail, alt: '', loading: 'lazy' }));
      const size = photo.width
        ? `${photo.width} × ${photo.height}, ${kilobytes(photo.bytes)}`
        : kilobytes(photo.bytes);
      return element(
        'label',
        { class: 'card twin' },
        picture,
        element(
          'span',
          { class: 'caption' },
          element('span', { class: 'name' }, photo.name),
          element('span', { class: 'edit' }, photo.edit ?? ''),
          element('span', { class: 'muted' }, size),
          element('span', { class: 'keep' }, box, ' Keep'),
        ),
      );
    });
    const legend = element('legend', {}, `Group ${i + 1}: ${plural(group.length, 'photo')}`);
    return element(
      'li',
      {},
      element('fieldset', { class: 'group' }, legend, element('div', { class: 'twins' }, ...cards)),
    );
  }

  #summarize(): void {
    const others = this.#others.length;
    const all = this.#groups.reduce((sum, { length }) => sum + length, 0);
    this.#count.textContent =
      this.#groups.length === 0
        ? 'No two photos are as alike as that.'
        : `${plural(all, 'photo')} in ${plural(this.#groups.length, 'group')}; ${others} could go.`;
    for (const one of [this.#largest, this.#export, this.#remove]) one.hidden = this.#groups.length === 0;
    this.#remove.disabled = others === 0;
    this.#remove.textContent = `Remove the others from the collection (${others})`;
  }

  /** Tab-separated: the group, what to do, the name. */
  #save(): void {
    const lines = this.#groups.flatMap((group, i) =>
      group.map((photo) =>
        [i + 1, this.#kept.has(photo.id) ? 'keep' : 'duplicate', fullName(photo)].join('\t'),
      ),
    );
    const text = ['group\twhat\tname', ...lines, ''].join('\n');
    download(new Blob([text], { type: 'text/tab-separated-values' }), 'duplicates.tsv');
  }

  async #removeOthers(): Promise<void> {
    const others = this.#others;
    try {
      await this.#app.remove(others);
      this.#app.announce(`${plural(others.length, 'photo')} removed from the collection.`);
    } catch (error) {
      this.#app.fail(error);
    }
  }
}

const larger = (a: Photo, b: Photo) => a.width * a.height - b.width * b.height || a.bytes - b.bytes;
const kilobytes = (bytes: number) =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)}\u00a0MB` : `${Math.ceil(bytes / 1e3)}\u00a0kB`;

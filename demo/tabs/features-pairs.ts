import { cosineSimilarity } from 'vitreous';
import { type Correspondence, correspond } from 'vitreous/recipes';
import { type App, fullName, type Photo } from '../app.js';
import { button, coalesce, Range } from '../controls.js';
import { element, plural } from '../dom.js';
import { heatmap } from '../heatmap.js';
import { Companions } from './features-companions.js';
import { copyOf, type Patches, type PhotoPatches } from './features-patches.js';
import { Question } from './features-question.js';

const SVG = 'http://www.w3.org/2000/svg';
// The drawing's own units: both photos are as wide as this, whatever their size on the screen.
const WIDTH = 1000;
const GAP = 60;
const FIRST_LINES = 24;
const HEAT_PIXELS = 448;

/** Two photos side by side: lines between patches that are each other's nearest, or what is like one patch. */
export class PairsView {
  readonly controls: HTMLElement[];
  readonly question = new Question();
  readonly element: HTMLElement;
  #app: App;
  #patches: PhotoPatches;
  #companions: Companions;
  #count: Range;
  #lines = document.createElementNS(SVG, 'svg');
  #left = element('div', { class: 'pair-photo', role: 'application', tabindex: '0' });
  #right = element('div', { class: 'pair-photo', role: 'img' });
  #captions = [element('p', {}), element('p', {})] as const;
  #told = element('p', { class: 'muted small' });
  #back = button('Show the lines', () => this.#pick(undefined));
  #photo: Photo | undefined;
  #imgSize: number | undefined;
  #shown: { photos: [Photo, Photo]; pairs: Correspondence[]; height: number } | undefined;
  #picked: number | undefined;
  #grid = { rows: 1, columns: 1 };

  constructor(app: App, patches: PhotoPatches) {
    this.#app = app;
    this.#patches = patches;
    this.#companions = new Companions(app, {
      legend: 'Compare with',
      most: 1,
      first: 1,
      onChange: () => this.update(),
    });
    this.#count = new Range('Lines', {
      min: 0,
      max: FIRST_LINES,
      value: FIRST_LINES,
      format: (value) => (this.#shown ? `${value} of ${this.#shown.pairs.length}` : '–'),
      onInput: () => this.#drawLines(),
    });
    this.#lines.setAttribute('class', 'pair-lines');
    this.#lines.setAttribute('aria-hidden', 'true');
    const stage = element('div', { class: 'pair-stage' }, this.#left, this.#right);
    stage.append(this.#lines);
    const captions = element('div', { class: 'pair-captions' }, ...this.#captions);
    this.element = element('div', { class: 'pairs' }, stage, captions);
    const help = element(
      'p',
      { class: 'muted small', id: 'pair-help' },
      'Click a patch of the left photo, or move over it with the arrow keys, to see on the right what looks like it. ' +
        'Escape brings the lines back.',
    );
    this.#left.setAttribute('aria-describedby', help.id);
    this.#back.hidden = true;
    this.controls = [this.#companions.element, this.#count.element, this.#told, help, this.#back];
    this.#left.addEventListener('click', (event) => this.#onClick(event));
    this.#left.addEventListener('keydown', (event) => this.#onKey(event));
  }

  async show(photo: Photo, imgSize: number | undefined): Promise<void> {
    if (photo !== this.#photo || imgSize !== this.#imgSize) this.#picked = undefined;
    this.#photo = photo;
    this.#imgSize = imgSize;
    await this.#companions.follow(photo);
    await this.update();
  }

  readonly update = coalesce(
    async () => {
      const { model } = this.#app;
      const [photo, imgSize, other] = [this.#photo, this.#imgSize, this.#companions.chosen[0]];
      if (!model || !photo || !other) return this.#clear();
      const question = `${photo.id} ${other.id} ${imgSize}`;
      if (!this.question.ask(question)) return;
      const found = await this.#app.task('Correspondence of patches', async (signal) => {
        const images = [await this.#app.pixels(photo), await this.#app.pixels(other)] as const;
        const pairs = await correspond(model, ...images, { signal, ...(imgSize && { imgSize }) });
        const left = await this.#patches.picture(model, photo);
        return { pairs, pictures: [left, await this.#patches.picture(model, other)] as const };
      });
      if (!found || model !== this.#app.model) return;
      this.question.answer(question);
      const { pairs, pictures } = found;
      const { imageHeight, imageWidth, patchSize } = model.config;
      this.#grid = {
        rows: (imgSize ?? imageHeight) / patchSize,
        columns: (imgSize ?? imageWidth) / patchSize,
      };
      const height = (WIDTH * pictures[0].height) / pictures[0].width;
      const known = this.#shown?.pairs.length;
      this.#shown = { photos: [photo, other], pairs, height };
      this.#lines.setAttribute('viewBox', `0 0 ${2 * WIDTH + GAP} ${height}`);
      this.#left.replaceChildren(copyOf(pictures[0]));
      this.#right.replaceChildren(copyOf(pictures[1]));
      for (const [i, caption] of this.#captions.entries())
        caption.textContent = fullName([photo, other][i] as Photo);
      this.#count.max = pairs.length;
      if (!known) this.#count.value = Math.min(FIRST_LINES, pairs.length);
      this.#count.refresh();
      await this.#pick(this.#picked);
    },
    (error) => this.#app.fail(error),
  );

  #clear(): void {
    this.#shown = undefined;
    this.question.forget();
    this.#left.replaceChildren();
    this.#right.replaceChildren();
    this.#lines.replaceChildren();
    this.#told.textContent = this.#app.photos.length < 2 ? 'Two photos are needed.' : '';
  }

  #drawLines(): void {
    const { pairs, height } = this.#shown ?? { pairs: [], height: 0 };
    const shown = pairs.slice(0, this.#count.value);
    this.#lines.replaceChildren(
      ...shown.flatMap(({ a, b }) => {
        const from = { x: a.x * WIDTH, y: a.y * height };
        const to = { x: WIDTH + GAP + b.x * WIDTH, y: b.y * height };
        // A colour for each direction from the photo's middle, so that lines from one part go together.
        const hue = Math.round((Math.atan2(a.y - 0.5, a.x - 0.5) * 180) / Math.PI);
        const stroke = `hsl(${hue} 95% 62%)`;
        return [
          svg('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: 'halo' }),
          svg('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, stroke }),
          ...[from, to].map(({ x, y }) => svg('circle', { cx: x, cy: y, r: 11, fill: stroke })),
        ];
      }),
    );
    const [best, last] = [shown[0]?.score, shown.at(-1)?.score];
    this.#told.textContent =
      best === undefined || last === undefined
        ? `${plural(pairs.length, 'pair')} of patches are each other’s nearest.`
        : `${plural(pairs.length, 'pair')} of patches are each other’s nearest. Similarity of those shown: ` +
          `${best.toFixed(2)} to ${last.toFixed(2)}.`;
    const names = this.#shown?.photos.map(fullName) ?? [];
    this.#left.setAttribute('aria-label', `${names[0]}: choose a patch`);
    this.#right.setAttribute(
      'aria-label',
      `${names[1]}, joined to the left photo by ${plural(shown.length, 'line')}`,
    );
  }

  /** Shows what is like a patch of the left photo; undefined: the lines. */
  async #pick(patch: number | undefined): Promise<void> {
    this.#picked = patch;
    this.#back.hidden = patch === undefined;
    this.#count.disabled = patch !== undefined;
    this.#right.querySelector('.pair-heat')?.remove();
    if (patch === undefined) return this.#drawLines();
    await this.#drawHeat();
  }

  #drawHeat = coalesce(
    async () => {
      const { model } = this.#app;
      const shown = this.#shown;
      const patch = this.#picked;
      if (!model || !shown || patch === undefined) return;
      const both = await this.#app.task('Features of patches', async (signal) => {
        const of = (photo: Photo) => this.#patches.of(model, photo, this.#imgSize, signal);
        return [await of(shown.photos[0]), await of(shown.photos[1])] as const;
      });
      if (!both || shown !== this.#shown || patch !== this.#picked) return;
      const [left, right] = both;
      const similarity = similarities(left, patch, right);
      const [least, most] = [Math.min(...similarity), Math.max(...similarity)];
      const best = similarity.indexOf(most);
      const { rows, columns } = right;
      const map = similarity.map((value) => (value - least) / (most - least || 1));
      const heat = heatmap(map, rows, columns, Math.max(1, Math.round(HEAT_PIXELS / columns)), 0.82);
      heat.className = 'pair-heat';
      this.#right.querySelector('.pair-heat')?.remove();
      this.#right.append(heat);
      this.#lines.replaceChildren(this.#mark(patch, 0), this.#mark(best, WIDTH + GAP));
      const told = `${this.#place(patch)} is most like ${this.#place(best)} on the right, similarity ${most.toFixed(2)}.`;
      this.#told.textContent = told;
      this.#left.setAttribute('aria-label', `${fullName(shown.photos[0])}: ${this.#place(patch)}`);
      this.#right.setAttribute('aria-label', `${fullName(shown.photos[1])}, the warmer the more alike`);
      this.#app.announce(told);
    },
    (error) => this.#app.fail(error),
  );

  #mark(patch: number, left: number): SVGElement {
    const { rows, columns } = this.#grid;
    const [width, height] = [WIDTH / columns, (this.#shown?.height ?? 0) / rows];
    const [x, y] = [(patch % columns) * width + left, Math.floor(patch / columns) * height];
    return svg('rect', { x, y, width, height, rx: 6, class: 'mark' });
  }

  #place(patch: number): string {
    const { columns } = this.#grid;
    return `Row ${Math.floor(patch / columns) + 1}, column ${(patch % columns) + 1}`;
  }

  #onClick({ clientX, clientY }: MouseEvent): void {
    const { rows, columns } = this.#grid;
    const { left, top, width, height } = this.#left.getBoundingClientRect();
    const at = (share: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    this.#pick(at((clientY - top) / height, rows) * columns + at((clientX - left) / width, columns));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { rows, columns } = this.#grid;
    const picked = this.#picked ?? Math.floor(rows / 2) * columns + Math.floor(columns / 2);
    const [row, column] = [Math.floor(picked / columns), picked % columns];
    const to: Record<string, [number, number]> = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, columns - 1],
      Enter: [row, column],
      ' ': [row, column],
    };
    if (event.key === 'Escape') {
      if (this.#picked === undefined) return;
      event.stopPropagation();
      this.#pick(undefined);
    } else if (to[event.key]) {
      // The first key shows the middle, from where the next ones move.
      const [nextRow, nextColumn] =
        this.#picked === undefined ? [row, column] : (to[event.key] as [number, number]);
      const inside = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
      this.#pick(inside(nextRow, rows) * columns + inside(nextColumn, columns));
    } else return;
    event.preventDefault();
  }
}

/** Cosine of one patch to all those of another photo. */
function similarities(from: Patches, patch: number, to: Patches): Float32Array {
  const dim = from.data.length / (from.rows * from.columns);
  const one = from.data.subarray(patch * dim, (patch + 1) * dim);
  return Float32Array.from({ length: to.rows * to.columns }, (_, i) =>
    cosineSimilarity(one, to.data.subarray(i * dim, (i + 1) * dim)),
  );
}

function svg(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

import { type PcaImages, pcaImages } from 'vitreous/recipes';
import { type App, fullName, type Photo } from '../app.js';
import { button, checkbox, coalesce, download, Segments } from '../controls.js';
import { context2d, element } from '../dom.js';
import { Companions } from './features-companions.js';
import { copyOf, type PhotoPatches } from './features-patches.js';
import { Question } from './features-question.js';

const MOST = 12;
const SAVED_PIXELS = 320;

const PATCHES = [
  ['all', 'All'],
  ['above', 'Foreground'],
  ['below', 'Other end'],
] as const;

/** The first three principal components of the patches of several photos, as red, green and blue. */
export class PcaView {
  readonly controls: HTMLElement[];
  readonly question = new Question();
  readonly element = element('div', { class: 'pca' });
  #app: App;
  #patches: PhotoPatches;
  #companions: Companions;
  #which = new Segments('Patches that count', PATCHES, 'all', () => this.update());
  #smooth = checkbox('Smooth', true, () => this.#look());
  #pictures = element('div', { class: 'pca-pictures' });
  #variance = element('p', { class: 'muted small' });
  #photo: Photo | undefined;
  #imgSize: number | undefined;

  constructor(app: App, patches: PhotoPatches) {
    this.#app = app;
    this.#patches = patches;
    this.#companions = new Companions(app, {
      legend: `Together with (up to ${MOST - 1})`,
      most: MOST - 1,
      first: 3,
      onChange: () => this.update(),
    });
    this.controls = [
      this.#companions.element,
      element('div', { class: 'panel-group' }, element('h3', {}, 'Patches'), this.#which.element),
      this.#smooth.element,
      this.#variance,
      element(
        'div',
        { class: 'buttons' },
        button('Save picture', () => this.#save()),
      ),
    ];
    this.element.append(this.#pictures);
    this.#look();
  }

  async show(photo: Photo, imgSize: number | undefined): Promise<void> {
    this.#photo = photo;
    this.#imgSize = imgSize;
    await this.#companions.follow(photo);
    await this.update();
  }

  readonly update = coalesce(
    async () => {
      const { model } = this.#app;
      const [photo, imgSize] = [this.#photo, this.#imgSize];
      if (!model || !photo) return;
      const photos = [photo, ...this.#companions.chosen];
      const side = this.#which.value;
      const question = `${photos.map(({ id }) => id)} ${imgSize} ${side}`;
      if (!this.question.ask(question)) return;
      const found = await this.#app.task('Principal components of patches', async (signal, progress) => {
        const all = [];
        for (const [i, each] of photos.entries()) {
          progress(i, photos.length);
          all.push(await this.#patches.of(model, each, imgSize, signal));
        }
        const { rows, columns, data } = all[0] as (typeof all)[number];
        const tokens = { data: joined(all.map((each) => each.data)), shape: [all.length, rows, columns, 0] };
        tokens.shape[3] = data.length / (rows * columns);
        const pictures = [];
        for (const each of photos) pictures.push(await this.#patches.picture(model, each));
        return { pictures, pca: await pcaImages(model, tokens, { foreground: side !== 'all' && { side } }) };
      });
      if (!found || model !== this.#app.model) return;
      this.question.answer(question);
      this.#draw(photos, found.pictures, found.pca);
    },
    (error) => this.#app.fail(error),
  );

  #draw(photos: Photo[], pictures: HTMLCanvasElement[], { rgb, explainedVarianceRatio }: PcaImages): void {
    const [, rows, columns] = rgb.shape as [number, number, number];
    const size = rows * columns;
    this.#pictures.replaceChildren(
      ...photos.map((photo, i) => {
        const features = element('canvas', { class: 'pca-features' });
        const context = context2d(features, columns, rows);
        const image = context.createImageData(columns, rows);
        for (let patch = 0; patch < size; patch++) {
          image.data.set(rgb.data.subarray(3 * (i * size + patch), 3 * (i * size + patch + 1)), 4 * patch);
          image.data[4 * patch + 3] = 255;
        }
        context.putImageData(image, 0, 0);
        const label = `${fullName(photo)}: its patches in the colours of their first three principal components`;
        const frame = element('div', { class: 'pca-frame', role: 'img', 'aria-label': label });
        frame.append(copyOf(pictures[i] as HTMLCanvasElement), features);
        return element('figure', {}, frame, element('figcaption', {}, fullName(photo)));
      }),
    );
    this.#pictures.dataset.photos = String(photos.length);
    this.#look();
    const shares = Array.from(explainedVarianceRatio, (share) => `${Math.round(100 * share)}\u00a0%`).join(
      ', ',
    );
    this.#variance.textContent =
      `The three components hold ${shares} of what differs between ${rows} × ${columns} patches` +
      (photos.length > 1
        ? ` of each of ${photos.length} photos: the same colour, the same kind of part.`
        : '.');
  }

  #look(): void {
    this.#pictures.classList.toggle('is-smooth', this.#smooth.input.checked);
  }

  /** Photos above, their features below. */
  async #save(): Promise<void> {
    const frames = [...this.#pictures.querySelectorAll('.pca-frame')];
    const canvas = document.createElement('canvas');
    const context = context2d(canvas, SAVED_PIXELS * Math.max(1, frames.length), 2 * SAVED_PIXELS);
    for (const [i, frame] of frames.entries()) {
      const [photo, features] = frame.querySelectorAll('canvas');
      context.imageSmoothingEnabled = true;
      context.drawImage(photo as HTMLCanvasElement, i * SAVED_PIXELS, 0, SAVED_PIXELS, SAVED_PIXELS);
      context.imageSmoothingEnabled = this.#smooth.input.checked;
      const to = [i * SAVED_PIXELS, SAVED_PIXELS, SAVED_PIXELS, SAVED_PIXELS] as const;
      context.drawImage(features as HTMLCanvasElement, ...to);
    }
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done));
    if (blob) download(blob, 'features.png');
    else this.#app.fail(new Error('The picture could not be saved.'));
  }
}

function joined(arrays: Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

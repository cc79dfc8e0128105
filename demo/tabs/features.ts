import type { ModelConfig } from 'vitreous';
import type { App, Tab, TabView } from '../app.js';
import { Segments } from '../controls.js';
import { element } from '../dom.js';
import { PhotoStrip } from '../photo-strip.js';
import { PairsView } from './features-pairs.js';
import { PhotoPatches } from './features-patches.js';
import { PcaView } from './features-pca.js';

export const featuresTab: Tab = {
  id: 'features',
  label: 'Features',
  icon: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  mount: (panel, app) => new FeaturesView(panel, app),
};

const VIEWS = [
  ['pca', 'PCA pictures'],
  ['pairs', 'Correspondence'],
] as const;

// Sizes of the input to choose from, as multiples of the model's own.
const SCALES = [1, 1.5, 2];

class FeaturesView implements TabView {
  #app: App;
  #shown = false;
  #strip: PhotoStrip;
  #which = new Segments('What is shown', VIEWS, 'pca', () => this.#update());
  #size = element('select', { id: 'features-size' });
  #sizeField = element(
    'div',
    { class: 'select' },
    element('label', { for: 'features-size' }, 'Patches a photo'),
    this.#size,
  );
  #views: { pca: PcaView; pairs: PairsView };
  #controls = {
    pca: element('div', { class: 'panel-part' }),
    pairs: element('div', { class: 'panel-part' }),
  };

  constructor(panel: HTMLElement, app: App) {
    this.#app = app;
    this.#strip = new PhotoStrip(app, { label: 'Photos to start from' });
    const patches = new PhotoPatches(app);
    this.#views = { pca: new PcaView(app, patches), pairs: new PairsView(app, patches) };
    panel.classList.add('features');
    const stage = element('div', {}, this.#views.pca.element, this.#views.pairs.element);
    for (const id of ['pca', 'pairs'] as const) this.#controls[id].append(...this.#views[id].controls);
    const { pca, pairs } = this.#controls;
    const controls = element('div', { class: 'panel' }, this.#which.element, this.#sizeField, pca, pairs);
    panel.append(this.#strip.element, element('div', { class: 'workbench' }, stage, controls));
    this.#size.addEventListener('change', () => this.#update());
    app.on('model', () => this.#newModel());
    app.on('photos', () => this.#update());
    app.on('selected', () => this.#update());
    this.#newModel();
  }

  show(): void {
    this.#shown = true;
    this.#update();
  }

  hide(): void {
    this.#shown = false;
    for (const { question } of Object.values(this.#views)) question.leave();
  }

  #newModel(): void {
    for (const { question } of Object.values(this.#views)) question.forget();
    const sides = sidesOf(this.#app.model?.config);
    this.#sizeField.hidden = sides.length < 2;
    this.#size.replaceChildren(
      ...sides.map(([side, count]) =>
        element('option', { value: String(side) }, `${count} × ${count} (${side} pixels)`),
      ),
    );
    this.#update();
  }

  /** Only what is seen is computed. */
  #update(): void {
    const id = this.#which.value;
    for (const each of ['pca', 'pairs'] as const) {
      this.#views[each].element.hidden = each !== id;
      this.#controls[each].hidden = each !== id;
    }
    const photo = this.#app.selected ?? this.#app.photos[0];
    if (!this.#shown || !photo || !this.#app.model) return;
    this.#strip.choose(photo);
    const { config } = this.#app.model;
    const side = Number(this.#size.value);
    this.#views[id].show(photo, side && side !== config.imageWidth ? side : undefined);
  }
}

/** Sides of square inputs and their patches that the model takes, its own first; none where that is no square. */
function sidesOf(config: ModelConfig | undefined): [side: number, patches: number][] {
  if (!config?.dynamicImgSize || config.imageHeight !== config.imageWidth) return [];
  return SCALES.map((scale) => {
    const patches = Math.round((scale * config.imageWidth) / config.patchSize);
    return [patches * config.patchSize, patches];
  });
}

import { type App, fullName, type Photo, type Tab, type TabView } from '../app.js';
import { button, coalesce, download, Range, Segments } from '../controls.js';
import { element, plural } from '../dom.js';
import { cropOf, type Maps, mapOf } from '../heatmap.js';
import { PhotoStrip } from '../photo-strip.js';
import { HeadChips } from './attention-heads.js';
import { type Looking, look, MapCache, maskOf } from './attention-maps.js';
import { Stage } from './attention-stage.js';
import { CameraError, Rate, Webcam } from './attention-webcam.js';

export const attentionTab: Tab = {
  id: 'attention',
  label: 'Attention',
  icon: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  worksEmpty: true, // the camera needs no photos
  mount: (panel, app) => new AttentionView(panel, app),
};

const BY = [
  ['heads', 'Heads of a layer'],
  ['rollout', 'Rollout'],
] as const;

const percent = (share: number) => `${Math.round(100 * share)} %`;

class AttentionView implements TabView {
  #app: App;
  #shown = false;
  #stage = new Stage();
  #webcam = new Webcam(this.#stage.video, () => this.#stopCamera('The camera went away.'));
  #watching = 0;
  #cache = new MapCache();
  #photo: Photo | undefined;
  #maps: Maps | undefined;
  #kept: number | undefined;

  #strip: PhotoStrip;
  #by = new Segments('What is shown', BY, 'heads', () => this.#change());
  #layer: Range;
  #heads = element('div', { class: 'chips', id: 'attention-heads' });
  #headsField = element('fieldset', { class: 'heads' }, element('legend', {}, 'Heads'), this.#heads);
  #chips = new HeadChips(this.#heads, () => this.#redraw());
  #mask: Range;
  #opacity: Range;
  #camera = button('Use the camera', () => this.#toggleCamera());
  #save = button('Save picture', () => this.#savePicture(), 'quiet');
  #devices = element('select', { 'aria-label': 'Camera' });
  #title = element('h2', {});
  #figures = element('p', { class: 'muted stage-figures' });
  #error = element('p', { class: 'error', role: 'alert' });
  #most = element('span', {});
  #explanation = element('p', { class: 'muted small' });

  constructor(panel: HTMLElement, app: App) {
    this.#app = app;
    this.#strip = new PhotoStrip(app, {
      label: 'Photos to look at',
      onChoose: (photo) => {
        this.#stopCamera();
        app.select(photo);
        this.#change();
      },
    });
    const { depth } = app.model?.config ?? { depth: 12 };
    this.#layer = new Range('Layer', {
      min: 1,
      max: depth,
      value: depth,
      format: (value) => `${value} of ${this.#layer?.max ?? depth}`,
      onInput: () => this.#change(),
    });
    this.#mask = new Range('Mask', {
      min: 0,
      max: 1,
      step: 0.01,
      value: 0,
      format: (value) => this.#maskText(value),
      onInput: () => this.#redraw(),
    });
    this.#opacity = new Range('Overlay', {
      min: 0,
      max: 1,
      step: 0.01,
      value: 0.78,
      format: percent,
      onInput: () => this.#redraw(),
    });
    this.#build(panel);
    app.on('model', () => this.#newModel());
    app.on('selected', () => this.#change());
    app.on('photos', () => {
      if (this.#current !== this.#photo) this.#change();
    });
    this.#newModel();
  }

  show(): void {
    this.#shown = true;
    this.#change();
  }

  hide(): void {
    this.#shown = false;
    this.#stopCamera();
  }

  #build(panel: HTMLElement): void {
    this.#error.hidden = true;
    this.#devices.hidden = true;
    this.#devices.addEventListener('change', () => this.#startCamera(this.#devices.value));
    const scale = element(
      'div',
      { class: 'scale' },
      element('span', {}, '0'),
      element('span', { class: 'magma', 'aria-hidden': 'true' }),
      this.#most,
    );
    const head = element(
      'header',
      { class: 'stage-head' },
      element('div', { class: 'stage-title' }, this.#title, this.#figures),
      element('div', { class: 'buttons' }, this.#devices, this.#camera, this.#save),
    );
    const controls = element(
      'div',
      { class: 'panel' },
      this.#by.element,
      this.#layer.element,
      this.#headsField,
      this.#mask.element,
      this.#opacity.element,
      element('div', { class: 'legend' }, scale, this.#explanation),
    );
    const figure = element('figure', { class: 'stage' }, head, this.#error, this.#stage.element);
    panel.classList.add('attention');
    panel.append(this.#strip.element, element('div', { class: 'workbench' }, figure, controls));
    panel.addEventListener('keydown', (event) => {
      const typed = event.target instanceof Element && event.target.closest('select');
      if (typed || event.altKey || event.ctrlKey || event.metaKey || this.#headsField.hidden) return;
      if (this.#chips.key(event.key)) event.preventDefault();
    });
  }

  get #current(): Photo | undefined {
    return this.#app.selected ?? this.#app.photos[0];
  }

  get #looking(): Looking {
    return this.#by.value === 'rollout' ? { by: 'rollout' } : { by: 'heads', layer: this.#layer.value - 1 };
  }

  /** The layer stays where it is in the depth: the last stays the last. */
  #newModel(): void {
    this.#cache.clear();
    this.#maps = undefined;
    const { model } = this.#app;
    if (model && model.config.depth !== this.#layer.max) {
      const { depth } = model.config;
      const value = Math.max(1, Math.round((this.#layer.value / this.#layer.max) * depth));
      this.#layer.max = depth;
      this.#layer.value = value;
    }
    this.#change();
  }

  /** Another photo, layer or question: new maps are needed. */
  #change(): void {
    const heads = this.#by.value === 'heads';
    this.#headsField.hidden = !heads;
    this.#layer.disabled = !heads;
    if (this.#shown && !this.#webcam.running) this.#look();
  }

  #look = coalesce(
    async () => {
      const { app, looking } = { app: this.#app, looking: this.#looking };
      const photo = this.#current;
      this.#strip.element.hidden = app.photos.length === 0;
      if (photo !== this.#photo || !this.#stage.size) await this.#showPhoto(photo);
      const { model } = app;
      if (!photo || !model || this.#webcam.running) return;
      let maps = this.#cache.get(photo, looking);
      if (!maps) {
        maps = await app.task(`Attention of ${fullName(photo)}`, async (signal) =>
          look(model, await app.pixels(photo), looking, signal),
        );
        if (!maps || model !== app.model) return;
        this.#cache.set(photo, looking, maps);
      }
      if (photo !== this.#photo || this.#webcam.running) return;
      this.#maps = maps;
      await this.#redraw();
    },
    (error) => this.#app.fail(error),
  );

  async #showPhoto(photo: Photo | undefined): Promise<void> {
    this.#photo = photo;
    this.#maps = undefined;
    this.#strip.choose(photo);
    this.#title.textContent = photo ? photo.name : 'No photo yet';
    this.#figures.textContent = photo
      ? (photo.edit ?? `${photo.width} × ${photo.height}`)
      : 'Add photos, or let the model look through the camera.';
    this.#save.disabled = !photo;
    if (!photo) return this.#stage.clear();
    try {
      const bitmap = await createImageBitmap(await this.#app.pixels(photo));
      if (photo === this.#photo && !this.#webcam.running) this.#stage.showPhoto(bitmap);
      bitmap.close();
    } catch (error) {
      this.#app.fail(error);
    }
  }

  /** The same maps, drawn otherwise. */
  #redraw = coalesce(
    async () => {
      const { model } = this.#app;
      const maps = this.#maps;
      if (!model || !maps) return;
      const head = this.#by.value === 'rollout' ? 'mean' : this.#chips.head;
      if (this.#by.value === 'heads') this.#chips.show(maps);
      const map = mapOf(maps, head === 'off' ? 'mean' : head);
      const { rows, columns } = maps;
      const part = this.#mask.value;
      const mask = part > 0 ? await maskOf(model, map, maps, part) : undefined;
      this.#kept = mask?.reduce((sum, kept) => sum + kept, 0);
      this.#mask.refresh();
      const overlay = { map, rows, columns, mask, opacity: this.#opacity.value };
      this.#stage.draw(head === 'off' ? undefined : overlay, (width, height) =>
        cropOf(width, height, model.dataConfig),
      );
      this.#explain(map, maps);
    },
    (error) => this.#app.fail(error),
  );

  #maskText(part: number): string {
    if (part === 0) return 'off';
    const patches = this.#maps ? this.#maps.rows * this.#maps.columns : 0;
    const kept = this.#kept === undefined ? '' : ` in ${this.#kept} of ${patches} patches`;
    return `${percent(part)}${kept}`;
  }

  #explain(map: Float32Array, { rows, columns }: Maps): void {
    const rollout = this.#by.value === 'rollout';
    const what = rollout ? 'rollout through all layers' : this.#chips.label.toLowerCase();
    const where = rollout ? '' : `, layer ${this.#layer.value}`;
    const name = this.#webcam.running ? 'Camera' : this.#photo ? fullName(this.#photo) : '';
    this.#stage.label = `${name}, with the attention map: ${what}${where}`;
    this.#most.textContent = `${(100 * map.reduce((a, b) => Math.max(a, b), 0)).toFixed(1)} %`;
    this.#explanation.textContent = rollout
      ? `How much of each of the ${rows} × ${columns} patches reaches the embedding through all layers.`
      : `The share of attention that each of ${rows} × ${columns} patches gets from the embedding’s token (${what}${where}). ` +
        'The mask keeps the fewest patches that hold a part of it.';
  }

  #toggleCamera(): void {
    if (this.#webcam.running) {
      this.#stopCamera();
      this.#change();
    } else this.#startCamera();
  }

  async #startCamera(device?: string): Promise<void> {
    this.#error.hidden = true;
    this.#camera.disabled = true;
    try {
      if (!(await this.#webcam.start(device))) return;
      this.#photo = undefined;
      this.#strip.choose(undefined);
      this.#stage.showVideo(this.#webcam.mirrored);
      this.#title.textContent = 'Camera';
      this.#figures.textContent = 'Starting …';
      this.#save.disabled = false;
      this.#camera.textContent = 'Stop the camera';
      this.#app.announce('The camera is on. Its picture stays in this page.');
      await this.#showDevices();
      this.#watch();
    } catch (error) {
      this.#stopCamera((error as Error).message);
      if (!(error instanceof CameraError)) this.#app.fail(error);
    } finally {
      this.#camera.disabled = false;
    }
  }

  async #showDevices(): Promise<void> {
    const devices = await this.#webcam.devices();
    this.#devices.hidden = devices.length < 2;
    this.#devices.replaceChildren(
      ...devices.map(({ deviceId, label }, i) =>
        element('option', { value: deviceId }, label || `Camera ${i + 1}`),
      ),
    );
    this.#devices.value = this.#webcam.device ?? '';
  }

  /** @param reason - why it ended, where the visitor did not end it */
  #stopCamera(reason?: string): void {
    const ran = this.#webcam.running;
    this.#webcam.stop();
    this.#watching++;
    this.#camera.textContent = 'Use the camera';
    this.#devices.hidden = true;
    this.#error.hidden = !reason;
    this.#error.textContent = reason ?? '';
    if (ran || reason) {
      this.#stage.clear();
      this.#maps = undefined;
      this.#change();
    }
  }

  /** Map after map, as fast as the model is. */
  async #watch(): Promise<void> {
    const watching = ++this.#watching;
    const goesOn = () => watching === this.#watching && this.#webcam.running;
    const rate = new Rate();
    while (goesOn()) {
      await this.#webcam.nextFrame();
      const { model } = this.#app;
      if (!goesOn() || !model) continue;
      const start = performance.now();
      try {
        const maps = await look(model, this.#stage.video, this.#looking);
        if (!goesOn()) return;
        this.#maps = maps;
      } catch (error) {
        if (model !== this.#app.model) continue; // exchanged meanwhile
        if (goesOn()) this.#stopCamera((error as Error).message);
        return;
      }
      await this.#redraw();
      rate.count(start, performance.now());
      if (goesOn() && rate.known)
        this.#figures.textContent = `${plural(Math.round(rate.perSecond), 'map')} a second, ${rate.milliseconds.toFixed(0)} ms each`;
    }
  }

  async #savePicture(): Promise<void> {
    const name = this.#photo ? fullName(this.#photo) : 'camera';
    try {
      download(await this.#stage.toBlob(), `${name.replace(/[\\/:*?"<>|]+/g, '-')}.attention.png`);
    } catch (error) {
      this.#app.fail(error);
    }
  }
}

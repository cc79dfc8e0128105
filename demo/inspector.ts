import type { DataConfig } from 'vitreous';
import type { AttentionCache } from './attention.js';
import { byId, context2d } from './dom.js';
import { fullName } from './grid.js';
import { HeadChips } from './head-chips.js';
import { cropOf, drawOverlay, heatmap, type Maps, mapOf } from './heatmap.js';
import type { Photo } from './photos.js';
import { preview } from './thumbnails.js';
import { VectorView } from './vector-view.js';

const OPACITY = 0.78;
const CARD_PIXELS = 360;
// About as many pixels as the picture has on the screen.
const MAP_PIXELS = 448;

/** The panel on one photo: where each head looks, and the embedding. Also draws the maps on the cards. */
export class Inspector {
  #panel = byId('inspector');
  #canvas = byId<HTMLCanvasElement>('picture');
  #chips: HeadChips;
  #vector = new VectorView();
  #attention: AttentionCache;
  #dataConfig: () => DataConfig | undefined;
  #photo: Photo | undefined;
  #bitmap: ImageBitmap | undefined;
  #maps: Maps | undefined;
  #card: { photo: Photo; place: HTMLElement } | undefined;
  #cardCanvas = document.createElement('canvas');

  constructor(attention: AttentionCache, dataConfig: () => DataConfig | undefined) {
    this.#attention = attention;
    this.#dataConfig = dataConfig;
    this.#cardCanvas.className = 'card-map';
    this.#chips = new HeadChips(byId('heads'), () => {
      this.#draw();
      this.#drawCard();
    });
  }

  get photo(): Photo | undefined {
    return this.#photo;
  }

  key(key: string): boolean {
    return this.#photo !== undefined && this.#chips.key(key);
  }

  /** Shows a photo, or with undefined the hint. */
  async show(photo: Photo | undefined): Promise<void> {
    const same = photo === this.#photo;
    this.#photo = photo;
    this.#panel.classList.toggle('is-empty', !photo);
    if (!photo) return this.#release();
    byId('inspector-title').textContent = photo.name;
    byId('inspector-edit').textContent = photo.edit ?? '';
    byId('inspector-size').textContent = photo.width ? `${photo.width} × ${photo.height}` : '';
    this.#vector.show(photo);
    if (!same) await this.#loadPicture(photo);
    await this.#loadMaps(photo);
  }

  /** Another model: what it sees is not known yet. */
  forgetMaps(): void {
    this.#maps = undefined;
    this.#draw();
  }

  /** Draws the map on a card of the grid, or on none. */
  async point(photo: Photo | undefined, card: HTMLElement | undefined): Promise<void> {
    const place = card?.querySelector<HTMLElement>('.picture');
    this.#cardCanvas.remove();
    this.#card = photo?.embedding && place ? { photo, place } : undefined;
    await this.#drawCard();
  }

  async #loadPicture(photo: Photo): Promise<void> {
    let bitmap: ImageBitmap | undefined;
    try {
      bitmap = await preview(await photo.open());
    } catch {
      // The model may read what the page cannot show, or the file has gone; the panel stays without a picture.
    }
    if (photo !== this.#photo) return bitmap?.close();
    this.#release();
    this.#bitmap = bitmap;
    this.#draw();
  }

  async #loadMaps(photo: Photo): Promise<void> {
    if (!photo.embedding) return;
    const maps = await this.#attention.of(photo).catch(() => undefined);
    if (photo !== this.#photo || !maps) return;
    this.#maps = maps;
    this.#chips.show(maps);
    this.#draw();
  }

  #release(): void {
    this.#bitmap?.close();
    this.#bitmap = undefined;
    this.#maps = undefined;
  }

  #draw(): void {
    const bitmap = this.#bitmap;
    const config = this.#dataConfig();
    this.#canvas.hidden = !bitmap;
    byId('legend').hidden = true;
    if (!bitmap || !this.#photo) return;
    const context = context2d(this.#canvas, bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    const { head } = this.#chips;
    const shown = this.#maps && config && head !== 'off';
    this.#canvas.dataset.head = shown ? String(head) : 'off';
    const what = shown ? `, with the attention map: ${this.#chips.label}` : '';
    this.#canvas.setAttribute('aria-label', `${fullName(this.#photo)}${what}`);
    if (!shown) return;
    const { rows, columns } = this.#maps as Maps;
    const map = mapOf(this.#maps as Maps, head);
    const scale = Math.max(1, Math.round(MAP_PIXELS / columns));
    const crop = cropOf(bitmap.width, bitmap.height, config);
    drawOverlay(context, crop, heatmap(map, rows, columns, scale, OPACITY));
    byId('legend').hidden = false;
    const most = map.reduce((a, b) => Math.max(a, b), 0);
    byId('legend-max').textContent = `${(100 * most).toFixed(1)} %`;
    const [, height, width] = config.inputSize;
    byId('legend-text').textContent =
      `The share of attention that each of ${rows} × ${columns} patches gets (${this.#chips.label.toLowerCase()}). ` +
      `Frame: the ${width} × ${height} crop that the model sees.`;
  }

  async #drawCard(): Promise<void> {
    const card = this.#card;
    if (!card) return;
    const maps = await this.#attention.of(card.photo).catch(() => undefined);
    const config = this.#dataConfig();
    if (card !== this.#card || !maps || !config || !card.photo.width) return;
    const { head } = this.#chips;
    if (head === 'off') return this.#cardCanvas.remove();
    const { width, height } = card.photo;
    const context = context2d(this.#cardCanvas, CARD_PIXELS, CARD_PIXELS);
    // A card shows the square in the photo's middle.
    const side = Math.min(width, height);
    const crop = cropOf(width, height, config);
    const box = {
      x: crop.x - (width - side) / 2,
      y: crop.y - (height - side) / 2,
      width: crop.width,
      height: crop.height,
    };
    for (const key of ['x', 'y', 'width', 'height'] as const) box[key] *= CARD_PIXELS / side;
    const scale = Math.max(1, Math.round(CARD_PIXELS / maps.columns));
    drawOverlay(context, box, heatmap(mapOf(maps, head), maps.rows, maps.columns, scale, OPACITY));
    card.place.append(this.#cardCanvas);
  }
}

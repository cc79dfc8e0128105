import { context2d, element } from '../dom.js';
import { type Box, drawOverlay, heatmap } from '../heatmap.js';

/** What lies over the picture. */
export interface Overlay {
  /** (rows, columns) */
  map: Float32Array;
  rows: number;
  columns: number;
  /** 1 for the patches that are kept; undefined: all. */
  mask?: Uint8Array | undefined;
  opacity: number;
}

// About as many pixels as the picture has on the screen.
const MAP_PIXELS = 448;
const MASKED = 'rgb(4 12 10 / 72%)';

/** A photo or the camera's picture, and the map over it. */
export class Stage {
  readonly element: HTMLElement;
  readonly video: HTMLVideoElement;
  #picture = element('canvas', { role: 'img', 'aria-label': '' });
  #overlay = element('canvas', { class: 'stage-map', 'aria-hidden': 'true' });
  #shown: HTMLCanvasElement | HTMLVideoElement | undefined;
  #mirrored = false;

  constructor() {
    this.video = element('video', { playsinline: '', role: 'img', 'aria-label': '' });
    this.video.muted = true;
    this.element = element('div', { class: 'stage-frame' }, this.#picture, this.video, this.#overlay);
    this.#show(undefined);
  }

  /** Size of what is shown; undefined while nothing is. */
  get size(): { width: number; height: number } | undefined {
    return this.#shown && sizeOf(this.#shown);
  }

  set label(text: string) {
    this.#shown?.setAttribute('aria-label', text);
  }

  showPhoto(bitmap: ImageBitmap): void {
    context2d(this.#picture, bitmap.width, bitmap.height).drawImage(bitmap, 0, 0);
    this.#show(this.#picture);
  }

  /** @param mirrored - as a mirror shows it, for a camera that looks at the visitor */
  showVideo(mirrored: boolean): void {
    this.#show(this.video, mirrored);
  }

  clear(): void {
    this.#show(undefined);
  }

  /** Draws a map over the part of the picture that the model sees; undefined: none. */
  draw(overlay: Overlay | undefined, crop: (width: number, height: number) => Box): void {
    if (!this.#shown) return;
    const { width, height } = sizeOf(this.#shown);
    // A video turned with the phone has another shape from one frame to the next.
    if (this.#overlay.width !== width || this.#overlay.height !== height) this.#shape(width, height);
    const context = context2d(this.#overlay, width, height);
    if (!overlay) return;
    const { map, rows, columns, mask, opacity } = overlay;
    const scale = Math.max(1, Math.round(MAP_PIXELS / columns));
    const picture = heatmap(map, rows, columns, scale, opacity);
    if (mask) drawMask(picture, mask, columns, scale);
    drawOverlay(context, crop(width, height), picture);
  }

  /** What is seen, as a PNG. */
  async toBlob(): Promise<Blob> {
    const { width, height } = this.#overlay;
    const canvas = document.createElement('canvas');
    const context = context2d(canvas, width, height);
    if (this.#mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    if (this.#shown) context.drawImage(this.#shown, 0, 0, width, height);
    context.drawImage(this.#overlay, 0, 0);
    return new Promise((done, failed) =>
      canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('The picture could not be saved.')))),
    );
  }

  #show(what: HTMLCanvasElement | HTMLVideoElement | undefined, mirrored = false): void {
    this.#shown = what;
    this.#mirrored = mirrored;
    this.#picture.hidden = what !== this.#picture;
    this.video.hidden = what !== this.video;
    this.element.classList.toggle('is-mirrored', mirrored);
    this.element.classList.toggle('is-empty', !what);
    const { width, height } = what ? sizeOf(what) : { width: 4, height: 3 };
    this.#shape(width, height);
  }

  #shape(width: number, height: number): void {
    this.element.style.setProperty('--aspect', String(width / height));
    context2d(this.#overlay, width, height);
  }
}

const sizeOf = (shown: HTMLCanvasElement | HTMLVideoElement) =>
  shown instanceof HTMLVideoElement
    ? { width: shown.videoWidth || 4, height: shown.videoHeight || 3 }
    : { width: shown.width, height: shown.height };

/** Darkens the patches that are not kept, and draws a line round those that are. */
function drawMask(picture: HTMLCanvasElement, mask: Uint8Array, columns: number, scale: number): void {
  const context = picture.getContext('2d') as CanvasRenderingContext2D;
  const kept = (row: number, column: number) =>
    column >= 0 && column < columns && mask[row * columns + column];
  const edges = new Path2D();
  context.fillStyle = MASKED;
  for (let i = 0; i < mask.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [x, y] = [column * scale, row * scale];
    if (!mask[i]) {
      context.clearRect(x, y, scale, scale);
      context.fillRect(x, y, scale, scale);
      continue;
    }
    const line = (fromX: number, fromY: number, toX: number, toY: number) => {
      edges.moveTo(x + fromX * scale, y + fromY * scale);
      edges.lineTo(x + toX * scale, y + toY * scale);
    };
    if (!kept(row - 1, column)) line(0, 0, 1, 0);
    if (!kept(row + 1, column)) line(0, 1, 1, 1);
    if (!kept(row, column - 1)) line(0, 0, 0, 1);
    if (!kept(row, column + 1)) line(1, 0, 1, 1);
  }
  context.strokeStyle = 'rgb(255 255 255 / 90%)';
  context.lineWidth = Math.max(1, scale / 14);
  context.stroke(edges);
}

import { context2d, element } from '../dom.js';
import { type Box, heatmap } from '../heatmap.js';

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

// Enough for a smooth map, which is enlarged to the picture's size.
const MAP_PIXELS = 224;
const OUTSIDE = 'rgb(0 0 0 / 45%)';
const MASKED = 'rgb(4 12 10 / 74%)';
const LINE = 'rgb(255 255 255 / 88%)';

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
    const box = crop(width, height);
    context.imageSmoothingQuality = 'high';
    context.lineWidth = Math.max(1, width / 400);
    context.strokeStyle = LINE;
    context.save();
    if (mask) drawMask(context, box, mask, columns);
    context.drawImage(picture, box.x, box.y, box.width, box.height);
    context.restore();
    frame(context, box);
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

/** Dims what the model does not see, and frames what it does. */
function frame(context: CanvasRenderingContext2D, { x, y, width, height }: Box): void {
  context.beginPath();
  context.rect(0, 0, context.canvas.width, context.canvas.height);
  context.rect(x, y, width, height);
  context.fillStyle = OUTSIDE;
  context.fill('evenodd');
  context.strokeRect(x, y, width, height);
}

/** Darkens the patches that are not kept, draws a line round those that are, and leaves the context clipped to these. */
function drawMask(context: CanvasRenderingContext2D, box: Box, mask: Uint8Array, columns: number): void {
  const side = { x: box.width / columns, y: (box.height * columns) / mask.length };
  const isKept = (row: number, column: number) =>
    column >= 0 && column < columns && Boolean(mask[row * columns + column]);
  // One path each: patches that touch leave no seam.
  const [kept, others, edges] = [new Path2D(), new Path2D(), new Path2D()];
  for (let i = 0; i < mask.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [left, top] = [box.x + column * side.x, box.y + row * side.y];
    const [right, bottom] = [left + side.x, top + side.y];
    (mask[i] ? kept : others).rect(left, top, side.x, side.y);
    if (!mask[i]) continue;
    const line = (fromX: number, fromY: number, toX: number, toY: number) => {
      edges.moveTo(fromX, fromY);
      edges.lineTo(toX, toY);
    };
    if (!isKept(row - 1, column)) line(left, top, right, top);
    if (!isKept(row + 1, column)) line(left, bottom, right, bottom);
    if (!isKept(row, column - 1)) line(left, top, left, bottom);
    if (!isKept(row, column + 1)) line(right, top, right, bottom);
  }
  context.fillStyle = MASKED;
  context.fill(others);
  context.stroke(edges);
  context.clip(kept);
}

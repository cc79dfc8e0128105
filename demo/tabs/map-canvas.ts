import { type App, fullName, type Photo } from '../app.js';
import { element } from '../dom.js';
import { MapView, type Point } from './map-view.js';

/** A photo on the map. */
export interface MapPoint extends Point {
  photo: Photo;
  /** Its cluster; undefined for none. */
  cluster: number | undefined;
}

// Okabe and Ito's colours, which can be told apart without full colour vision, and four more.
export const COLOURS = [
  '#0072b2',
  '#e69f00',
  '#009e73',
  '#cc79a7',
  '#56b4e9',
  '#d55e00',
  '#b8a800',
  '#8a63d2',
  '#7a8b99',
  '#b5651d',
];
export const colourOf = (cluster: number | undefined) =>
  cluster === undefined ? undefined : (COLOURS[cluster % COLOURS.length] as string);

const SIDE = 44;
/** Thumbnails are kept in this size: a few thousand are a few megabytes. */
const BITMAP = 88;
const KEPT_BITMAPS = 1500;
const CLICK_PIXELS = 5;

/** The map as thumbnails on a canvas, to be moved and enlarged with pointer, wheel and keyboard. */
export class MapCanvas {
  readonly element: HTMLElement;
  #app: App;
  #canvas = element('canvas', {
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'map',
    'aria-label':
      'Map of the photos. Arrow keys go to the nearest photo in that direction, Enter selects it, plus and minus zoom, 0 shows all.',
    'aria-describedby': 'map-tip',
  });
  #tip = element('div', { class: 'map-tip', id: 'map-tip' });
  #view = new MapView();
  #points: MapPoint[] = [];
  #current: MapPoint | undefined;
  #bitmaps = new Map<string, ImageBitmap | 'coming'>();
  #drawing = false;
  #pointers = new Map<number, Point>();

  constructor(app: App) {
    this.#app = app;
    this.#tip.hidden = true;
    this.element = element('div', { class: 'map-canvas' }, this.#canvas, this.#tip);
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    this.#listen();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    new MutationObserver(() => this.#draw()).observe(document.documentElement, {
      attributeFilter: ['data-theme'],
    });
  }

  show(points: MapPoint[]): void {
    const place = new Map(points.map((point) => [point.photo.id, point]));
    for (const [id, bitmap] of this.#bitmaps) {
      if (place.has(id) || bitmap === 'coming') continue;
      bitmap.close();
      this.#bitmaps.delete(id);
    }
    this.#points = points;
    this.#point(this.#current && place.get(this.#current.photo.id));
    this.#draw();
  }

  zoomBy(factor: number): void {
    this.#view.zoomBy(factor);
    this.#draw();
  }

  reset(): void {
    this.#view.reset();
    this.#draw();
  }

  redraw(): void {
    this.#draw();
  }

  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#paint();
    });
  }

  #paint(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0) return;
    const ratio = devicePixelRatio;
    Object.assign(this.#canvas, { width: width * ratio, height: height * ratio });
    Object.assign(this.#view, { width, height });
    const context = this.#canvas.getContext('2d') as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    context.imageSmoothingQuality = 'high';
    // The theme's, which the stylesheet puts there: a canvas knows no variables.
    const { color: accent, fill: ground, stroke: line } = getComputedStyle(this.#canvas);
    const side = SIDE * Math.min(2.2, Math.sqrt(this.#view.zoom));
    const onTop = [
      this.#app.selected && this.#points.find(({ photo }) => photo === this.#app.selected),
      this.#current,
    ];
    for (const point of [...this.#points, ...onTop]) {
      if (!point) continue;
      const { x, y } = this.#view.toScreen(point);
      if (x < -side || y < -side || x > width + side || y > height + side) continue;
      const chosen = onTop.includes(point);
      const size = chosen ? side * 1.35 : side;
      const frame = chosen ? accent : (colourOf(point.cluster) ?? line);
      this.#paintPhoto(context, point.photo, {
        x: x - size / 2,
        y: y - size / 2,
        size,
        frame,
        ground,
        bold: chosen,
      });
    }
  }

  #paintPhoto(
    context: CanvasRenderingContext2D,
    photo: Photo,
    {
      x,
      y,
      size,
      frame,
      ground,
      bold,
    }: { x: number; y: number; size: number; frame: string; ground: string; bold: boolean },
  ): void {
    const bitmap = this.#bitmapOf(photo);
    context.save();
    context.beginPath();
    context.roundRect(x, y, size, size, 8);
    context.fillStyle = ground;
    context.fill();
    context.clip();
    if (bitmap) context.drawImage(bitmap, x, y, size, size);
    context.restore();
    context.beginPath();
    context.roundRect(x, y, size, size, 8);
    context.lineWidth = bold ? 4 : 2.5;
    context.strokeStyle = frame;
    context.stroke();
  }

  /** Only those that are in view are decoded. */
  #bitmapOf(photo: Photo): ImageBitmap | undefined {
    const known = this.#bitmaps.get(photo.id);
    if (known) return known === 'coming' ? undefined : known;
    const { thumbnail } = photo;
    if (!thumbnail) return undefined;
    this.#bitmaps.set(photo.id, 'coming');
    const image = new Image();
    image.src = thumbnail;
    image
      .decode()
      .then(() =>
        createImageBitmap(image, { resizeWidth: BITMAP, resizeHeight: BITMAP, resizeQuality: 'medium' }),
      )
      .then((bitmap) => {
        this.#bitmaps.set(photo.id, bitmap);
        if (this.#bitmaps.size > KEPT_BITMAPS) this.#forgetOne();
        this.#draw();
      })
      .catch(() => {}); // the photo went meanwhile
    return undefined;
  }

  #forgetOne(): void {
    const [id, bitmap] = [...this.#bitmaps].find(([, one]) => one !== 'coming') ?? [];
    if (!id || !bitmap || bitmap === 'coming') return;
    bitmap.close();
    this.#bitmaps.delete(id);
  }

  /** Shows what the photo is; undefined hides it. */
  #point(point: MapPoint | undefined): void {
    this.#current = point;
    this.#tip.hidden = !point;
    this.#draw();
    if (!point) return;
    const { photo, cluster } = point;
    this.#tip.replaceChildren(
      ...(photo.thumbnail ? [element('img', { src: photo.thumbnail, alt: '' })] : []),
      element('strong', {}, fullName(photo)),
      element('span', { class: 'muted' }, cluster === undefined ? 'in no cluster' : `cluster ${cluster + 1}`),
    );
    const { x, y } = this.#view.toScreen(point);
    const right = x > this.#view.width / 2;
    const { style } = this.#tip;
    style.left = right ? 'auto' : `${x + 36}px`;
    style.right = right ? `${this.#view.width - x + 36}px` : 'auto';
    style.top = `${Math.min(Math.max(8, y - 60), this.#view.height - 200)}px`;
  }

  #at({ x, y }: Point): MapPoint | undefined {
    const reach = (SIDE * Math.min(2.2, Math.sqrt(this.#view.zoom))) / 2;
    let best: MapPoint | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const point of this.#points) {
      const place = this.#view.toScreen(point);
      const distance = Math.max(Math.abs(place.x - x), Math.abs(place.y - y));
      if (distance > reach || distance >= least) continue;
      best = point;
      least = distance;
    }
    return best;
  }

  #listen(): void {
    const canvas = this.#canvas;
    const place = ({ offsetX, offsetY }: MouseEvent): Point => ({ x: offsetX, y: offsetY });
    let moved = 0;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, place(event));
      if (this.#pointers.size === 1) moved = 0;
    });
    canvas.addEventListener('pointermove', (event) => {
      const from = this.#pointers.get(event.pointerId);
      const to = place(event);
      if (!from) {
        this.#point(this.#at(to));
        return;
      }
      const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
      this.#pointers.set(event.pointerId, to);
      moved += Math.hypot(to.x - from.x, to.y - from.y);
      const other = others[0]?.[1];
      if (other) {
        const distance = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y);
        this.#view.zoomBy(distance(to) / Math.max(1, distance(from)), other);
      } else if (moved > CLICK_PIXELS) this.#view.pan(to.x - from.x, to.y - from.y);
      if (moved > CLICK_PIXELS) this.#point(undefined);
    });
    const end = (event: PointerEvent) => {
      const click =
        this.#pointers.delete(event.pointerId) && this.#pointers.size === 0 && moved <= CLICK_PIXELS;
      if (!click || event.type === 'pointercancel') return;
      const point = this.#at(place(event));
      this.#point(point);
      if (point) this.#app.select(point.photo);
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    canvas.addEventListener('pointerleave', () => this.#pointers.size === 0 && this.#point(undefined));
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.#view.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), place(event));
        this.#draw();
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', (event) => this.#onKey(event));
    canvas.addEventListener('blur', () => this.#point(undefined));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const directions: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const direction = directions[event.key];
    if (direction) this.#step(direction);
    else if (event.key === '+' || event.key === '=') this.zoomBy(1.4);
    else if (event.key === '-') this.zoomBy(1 / 1.4);
    else if (event.key === '0') this.reset();
    else if (event.key === 'Enter' && this.#current) this.#app.select(this.#current.photo);
    else return;
    event.preventDefault();
  }

  /** To the nearest photo within 45° of the direction. */
  #step([dx, dy]: [number, number]): void {
    const from = this.#current ?? this.#points.find(({ photo }) => photo === this.#app.selected);
    const at = from ? this.#view.toScreen(from) : { x: 0, y: 0 };
    let best: MapPoint | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const point of this.#points) {
      const { x, y } = this.#view.toScreen(point);
      const along = (x - at.x) * dx + (y - at.y) * dy;
      const across = Math.abs((x - at.x) * dy) + Math.abs((y - at.y) * dx);
      const distance = along + 2 * across;
      if (point === from || along <= 0 || across > along || distance >= least) continue;
      best = point;
      least = distance;
    }
    this.#arrive(from ? best : this.#points[0]);
  }

  #arrive(point: MapPoint | undefined): void {
    if (!point) return;
    this.#view.reveal(point);
    this.#point(point);
    this.#app.announce(fullName(point.photo));
  }
}

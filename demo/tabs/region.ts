import type { Region } from 'vitreous';
import { byId } from '../dom.js';

/** Smaller than this, in shares of the photo, is a click. */
const SMALLEST = 0.06;
const STEP = 0.04;

/** In shares of the photo, from 0 to 1. */
interface Part {
  x: number;
  y: number;
  width: number;
  height: number;
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** A part of the photo in the pane: dragged with the pointer, or moved with the keyboard. */
export class RegionPicker {
  #picture = byId('query-picture');
  #image = byId<HTMLImageElement>('query-image');
  #box = byId<HTMLButtonElement>('region');
  #part: Part | undefined;
  #onChange: () => void;
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#picture.addEventListener('pointerdown', (event) => this.#drag(event));
    this.#box.addEventListener('keydown', (event) => this.#onKey(event));
    byId('mark-region').addEventListener('click', () => {
      this.#part ??= { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
      this.#draw();
      this.#box.focus({ preventScroll: true });
      onChange();
    });
    byId('whole').addEventListener('click', () => {
      this.clear();
      byId('mark-region').focus();
      onChange();
    });
  }

  /** In pixels of the photo; undefined for the whole of it. */
  get region(): Region | undefined {
    if (!this.#part) return undefined;
    const { naturalWidth: w, naturalHeight: h } = this.#image;
    const { x, y, width, height } = this.#part;
    return { x: x * w, y: y * h, width: width * w, height: height * h };
  }

  clear(): void {
    this.#part = undefined;
    this.#draw();
  }

  #draw(): void {
    const part = this.#part;
    this.#box.hidden = !part;
    byId('whole').hidden = !part;
    byId('mark-region').hidden = part !== undefined;
    byId('region-hint').textContent = part
      ? 'The part in the frame is searched for. Drag anew for another one.'
      : 'Drag over the photo to search by a part of it.';
    if (!part) return;
    const { style } = this.#box;
    style.left = `${100 * part.x}%`;
    style.top = `${100 * part.y}%`;
    style.width = `${100 * part.width}%`;
    style.height = `${100 * part.height}%`;
  }

  #drag(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const box = this.#image.getBoundingClientRect();
    const at = ({ clientX, clientY }: PointerEvent) => ({
      x: clamp((clientX - box.left) / box.width, 0, 1),
      y: clamp((clientY - box.top) / box.height, 0, 1),
    });
    const from = at(event);
    const before = this.#part;
    const move = (moved: PointerEvent) => {
      const to = at(moved);
      const part = {
        x: Math.min(from.x, to.x),
        y: Math.min(from.y, to.y),
        width: Math.abs(from.x - to.x),
        height: Math.abs(from.y - to.y),
      };
      this.#part = part.width < SMALLEST || part.height < SMALLEST ? undefined : part;
      this.#draw();
    };
    const picture = this.#picture;
    picture.setPointerCapture(event.pointerId);
    picture.addEventListener('pointermove', move);
    const end = (ended: PointerEvent) => {
      picture.removeEventListener('pointermove', move);
      picture.removeEventListener('pointerup', end);
      picture.removeEventListener('pointercancel', end);
      if (ended.type === 'pointercancel') this.#part = before;
      else move(ended);
      this.#draw();
      if (before !== this.#part) this.#onChange();
    };
    picture.addEventListener('pointerup', end);
    picture.addEventListener('pointercancel', end);
  }

  #onKey(event: KeyboardEvent): void {
    const part = this.#part;
    if (!part) return;
    if (event.key === 'Escape') {
      event.stopPropagation(); // there it ends the search
      byId('whole').click();
      return;
    }
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[
      event.key
    ];
    if (!by) return;
    event.preventDefault();
    const [dx, dy] = by as [number, number];
    if (event.shiftKey) {
      part.width = clamp(part.width + dx, SMALLEST, 1 - part.x);
      part.height = clamp(part.height + dy, SMALLEST, 1 - part.y);
    } else {
      part.x = clamp(part.x + dx, 0, 1 - part.width);
      part.y = clamp(part.y + dy, 0, 1 - part.height);
    }
    this.#draw();
    clearTimeout(this.#later);
    this.#later = setTimeout(this.#onChange, 120);
  }
}

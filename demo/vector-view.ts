import { announce, byId, context2d } from './dom.js';
import type { Photo } from './photos.js';

const FIRST = 6;

/** The embedding of one photo: its length, its first values, all of them as stripes and as JSON. */
export class VectorView {
  #section = byId<HTMLDetailsElement>('vector');
  #json = byId('embedding');
  #photo: Photo | undefined;

  constructor() {
    // On a phone the ranking below matters more.
    this.#section.open = matchMedia('(min-width: 56.01rem)').matches;
    byId('copy').addEventListener('click', () => this.#copy());
    byId('download').addEventListener('click', () => this.#download());
  }

  show(photo: Photo): void {
    this.#photo = photo;
    const { embedding } = photo;
    this.#section.hidden = !embedding;
    if (!embedding) return;
    const length = Math.hypot(...embedding);
    byId('vector-size').textContent = `${embedding.length} numbers, length ${length.toFixed(3)}`;
    const first = Array.from(embedding.slice(0, FIRST), (value) => value.toFixed(3).replace('-', '−'));
    byId('vector-first').textContent = `${first.join('  ')}  …`;
    // Every float32 exactly.
    this.#json.textContent = JSON.stringify(Array.from(embedding));
    this.#json.dataset.photo = photo.name;
    this.#drawStripes(embedding);
  }

  /** One stripe a number: teal above zero, red below, the larger the stronger. */
  #drawStripes(embedding: Float32Array): void {
    const context = context2d(byId<HTMLCanvasElement>('stripes'), embedding.length, 1);
    const image = context.createImageData(embedding.length, 1);
    const top = embedding.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
    embedding.forEach((value, i) => {
      const strength = 255 * Math.sqrt(Math.abs(value) / top);
      image.data.set(value > 0 ? [20, 152, 132, strength] : [214, 84, 96, strength], 4 * i);
    });
    context.putImageData(image, 0, 0);
  }

  async #copy(): Promise<void> {
    const button = byId('copy');
    try {
      await navigator.clipboard.writeText(this.#json.textContent ?? '');
      button.textContent = 'Copied';
      announce('The embedding is in the clipboard.');
    } catch {
      button.textContent = 'Not allowed here';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1600);
  }

  #download(): void {
    const photo = this.#photo;
    if (!photo?.embedding) return;
    // The line that `vitreous embed` writes.
    const line = { file: photo.name, dim: photo.embedding.length, embedding: Array.from(photo.embedding) };
    const url = URL.createObjectURL(new Blob([`${JSON.stringify(line)}\n`], { type: 'application/json' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${photo.name.replace(/[\\/:*?"<>|]+/g, '-')}.embedding.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

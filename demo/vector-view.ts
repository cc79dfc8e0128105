import type { App } from './app.js';
import { download } from './controls.js';
import { announce, byId, context2d } from './dom.js';
import type { Query } from './tabs/query-pane.js';

const FIRST = 6;

/** The embedding of one photo: its length, its first values, all of them as stripes and as JSON. */
export class VectorView {
  #section = byId<HTMLDetailsElement>('vector');
  #json = byId('embedding');
  #app: App;
  #query: Query | undefined;
  #embedding: Float32Array | undefined;

  constructor(app: App) {
    this.#app = app;
    // On a phone the ranking below matters more.
    this.#section.open = matchMedia('(min-width: 56.01rem)').matches;
    app.on('model', () => this.#query && this.show(this.#query));
    byId('copy').addEventListener('click', () => this.#copy());
    byId('download').addEventListener('click', () => this.#download());
  }

  /** As the model gives it, which the index does not keep: that has it with length 1. */
  async show(query: Query): Promise<void> {
    this.#query = query;
    this.#section.hidden = true;
    const embedding = await this.#app.model?.embed(query.pixels).catch(() => undefined);
    if (query !== this.#query || !embedding) return;
    this.#embedding = embedding;
    this.#section.hidden = false;
    const length = Math.hypot(...embedding);
    byId('vector-size').textContent = `${embedding.length} numbers, length ${length.toFixed(3)}`;
    const first = Array.from(embedding.slice(0, FIRST), (value) => value.toFixed(3).replace('-', '−'));
    byId('vector-first').textContent = `${first.join('  ')}  …`;
    // Every float32 exactly.
    this.#json.textContent = JSON.stringify(Array.from(embedding));
    this.#json.dataset.photo = query.name;
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
    const embedding = this.#embedding;
    const name = this.#query?.name;
    if (!embedding || !name) return;
    // The line that `vitreous embed` writes.
    const line = { file: name, dim: embedding.length, embedding: Array.from(embedding) };
    const json = new Blob([`${JSON.stringify(line)}\n`], { type: 'application/json' });
    download(json, `${name.replace(/[\\/:*?"<>|]+/g, '-')}.embedding.json`);
  }
}

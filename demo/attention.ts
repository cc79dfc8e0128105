import { type VisionTransformer, VitreousError } from 'vitreous';
import type { Maps } from './heatmap.js';
import type { Photo } from './photos.js';

const KEPT = 100;

/** Attention maps of the last layer, the latest ones kept. */
export class AttentionCache {
  #maps = new Map<number, Promise<Maps>>();
  #model: VisionTransformer | undefined;

  /** Another model looks at other things. */
  use(model: VisionTransformer): void {
    this.#model = model;
    this.#maps.clear();
  }

  clear(): void {
    this.#maps.clear();
  }

  /** Undefined while there is no model, and when the model was exchanged meanwhile. */
  async of(photo: Photo): Promise<Maps | undefined> {
    const model = this.#model;
    if (!model) return undefined;
    let maps = this.#maps.get(photo.id);
    if (!maps) {
      maps = compute(photo, model);
      maps.catch(() => this.#maps.delete(photo.id));
    }
    // A map keeps the order of insertion: the first is the one not asked for the longest.
    this.#maps.delete(photo.id);
    this.#maps.set(photo.id, maps);
    if (this.#maps.size > KEPT) this.#maps.delete(this.#maps.keys().next().value as number);
    try {
      const result = await maps;
      return model === this.#model ? result : undefined;
    } catch (error) {
      if (error instanceof VitreousError && error.code === 'DISPOSED') return undefined;
      throw error;
    }
  }
}

async function compute(photo: Photo, model: VisionTransformer): Promise<Maps> {
  const { data, shape } = await model.attention(await photo.open(), { layer: -1 });
  const [, heads, rows, columns] = shape as [number, number, number, number];
  return { heads, rows, columns, data };
}

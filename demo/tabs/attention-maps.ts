import type { ImageInput, VisionTransformer, VitreousError } from 'vitreous';
import { thresholdAttention } from 'vitreous/recipes';
import type { Photo } from '../app.js';
import type { Maps } from '../heatmap.js';

/** What is asked about an image: the heads of a layer (0 is the first), or what reaches CLS through all layers. */
export type Looking = { by: 'heads'; layer: number } | { by: 'rollout' };

/** A rollout is one map, and so comes as that of one head. */
export async function look(
  model: VisionTransformer,
  image: ImageInput,
  looking: Looking,
  signal?: AbortSignal,
): Promise<Maps> {
  const options = signal ? { signal } : {};
  const { data, shape } =
    looking.by === 'rollout'
      ? await model.attentionRollout(image, options)
      : await model.attention(image, { ...options, layer: looking.layer });
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { heads: data.length / (rows * columns), rows, columns, data };
}

const KEPT = 200;

/** Maps of photos as one model gave them; those not asked for the longest are dropped. */
export class MapCache {
  #maps = new Map<string, Maps>();

  get(photo: Photo, looking: Looking): Maps | undefined {
    const key = keyOf(photo, looking);
    const maps = this.#maps.get(key);
    // A map keeps the order of insertion.
    if (maps && this.#maps.delete(key)) this.#maps.set(key, maps);
    return maps;
  }

  set(photo: Photo, looking: Looking, maps: Maps): void {
    this.#maps.set(keyOf(photo, looking), maps);
    if (this.#maps.size > KEPT) this.#maps.delete(this.#maps.keys().next().value as string);
  }

  clear(): void {
    this.#maps.clear();
  }
}

const keyOf = ({ id }: Photo, looking: Looking) =>
  `${looking.by === 'rollout' ? 'rollout' : looking.layer} ${id}`;

/** The fewest patches that hold this part of the map, as ones. @returns undefined where the model was exchanged meanwhile */
export async function maskOf(
  model: VisionTransformer,
  map: Float32Array,
  { rows, columns }: Maps,
  part: number,
) {
  try {
    return (await thresholdAttention(model, { data: map, shape: [rows, columns] }, part)).data;
  } catch (error) {
    if ((error as VitreousError).code === 'DISPOSED') return undefined; // exchanged meanwhile
    throw error;
  }
}

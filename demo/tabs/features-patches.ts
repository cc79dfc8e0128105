import type { VisionTransformer } from 'vitreous';
import type { App, Photo } from '../app.js';
import { context2d } from '../dom.js';
import { cropOf } from '../heatmap.js';

/** Features of a photo's patches. */
export interface Patches {
  rows: number;
  columns: number;
  /** (rows, columns, dim) */
  data: Float32Array;
}

// A photo's patches of a large model are some megabytes.
const KEPT = 24;
const PICTURE_PIXELS = 448;

/** What the model sees of photos, and what it makes of it; those not asked for the longest are dropped. */
export class PhotoPatches {
  #app: App;
  #patches = new Map<string, Patches>();
  #pictures = new Map<string, HTMLCanvasElement>();

  constructor(app: App) {
    this.#app = app;
    app.on('model', () => {
      this.#patches.clear();
      this.#pictures.clear();
    });
  }

  /** The patch tokens after the final norm. @param imgSize - undefined: the model's own */
  async of(
    model: VisionTransformer,
    photo: Photo,
    imgSize: number | undefined,
    signal: AbortSignal,
  ): Promise<Patches> {
    const key = `${imgSize} ${photo.id}`;
    const known = this.#patches.get(key);
    if (known) return kept(this.#patches, key, known);
    const { intermediates } = await model.forwardIntermediates(await this.#app.pixels(photo), {
      indices: [-1],
      norm: true,
      intermediatesOnly: true,
      outputFmt: 'NLC',
      signal,
      ...(imgSize && { imgSize }),
    });
    const { imageHeight, imageWidth, patchSize } = model.config;
    const [rows, columns] = [(imgSize ?? imageHeight) / patchSize, (imgSize ?? imageWidth) / patchSize];
    return kept(this.#patches, key, { rows, columns, data: intermediates[0]?.data as Float32Array });
  }

  /** The part of the photo that the model sees. */
  async picture(model: VisionTransformer, photo: Photo): Promise<HTMLCanvasElement> {
    const known = this.#pictures.get(photo.id);
    if (known) return kept(this.#pictures, photo.id, known);
    const { dataConfig } = model;
    const [, height, width] = dataConfig.inputSize;
    const bitmap = await createImageBitmap(await this.#app.pixels(photo));
    const canvas = document.createElement('canvas');
    const context = context2d(canvas, Math.round((PICTURE_PIXELS * width) / height), PICTURE_PIXELS);
    context.imageSmoothingQuality = 'high';
    const crop = cropOf(bitmap.width, bitmap.height, dataConfig);
    const { x, y } = crop;
    context.drawImage(bitmap, x, y, crop.width, crop.height, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return kept(this.#pictures, photo.id, canvas);
  }
}

/** Puts it last, the first being dropped when there are too many. */
function kept<T>(all: Map<string, T>, key: string, value: T): T {
  all.delete(key);
  all.set(key, value);
  if (all.size > KEPT) all.delete(all.keys().next().value as string);
  return value;
}

/** A copy of a picture for the page: the same canvas cannot be in two places. */
export function copyOf(picture: HTMLCanvasElement): HTMLCanvasElement {
  const copy = document.createElement('canvas');
  context2d(copy, picture.width, picture.height).drawImage(picture, 0, 0);
  return copy;
}

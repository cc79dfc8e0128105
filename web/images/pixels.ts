import { VitreousError } from '../errors.js';
import type { Crop, Pixels, Region } from '../types.js';

/** A rectangle, in whole pixels. */
export type Box = Region;

/**
 * Decoded pixels that are handed to the engine a few rows at a time, so that a large photo is never held whole twice.
 */
export interface PixelSource {
  width: number;
  height: number;
  channels: number;
  /** Copies a part of the image, tightly packed. Parts are asked for from the top down, with the same columns. */
  read(part: Box, to: Uint8Array): void;
  close(): void;
}

export function isPixels(image: unknown): image is Pixels {
  const pixels = image as Pixels;
  return (
    typeof pixels?.width === 'number' && typeof pixels.height === 'number' && ArrayBuffer.isView(pixels.data)
  );
}

/** ImageData is such a thing with four channels. */
export function fromPixels(image: Omit<Pixels, 'channels'> & { channels?: number }): PixelSource {
  const { data, width, height, channels = 4 } = image;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new VitreousError('INVALID_IMAGE', 'Pixels must be bytes: a Uint8Array or Uint8ClampedArray.');
  }
  if (!Number.isInteger(width) || !Number.isInteger(height)) {
    throw new VitreousError('INVALID_IMAGE', `${width} × ${height} is no size of an image.`);
  }
  if (data.length !== width * height * channels) {
    throw new VitreousError(
      'INVALID_IMAGE',
      `${width} × ${height} pixels of ${channels} channels are ${width * height * channels} bytes, but there are ${data.length}.`,
    );
  }
  return {
    width,
    height,
    channels,
    read(part, to) {
      const bytes = part.width * channels;
      for (let row = 0; row < part.height; row++) {
        const start = ((part.y + row) * width + part.x) * channels;
        to.set(data.subarray(start, start + bytes), row * bytes);
      }
    },
    close() {},
  };
}

export const isCrop = <Image>(image: unknown): image is Crop<Image> =>
  typeof (image as Crop<Image>)?.region === 'object' && 'image' in (image as object);

/**
 * A part of an image as an image.
 * @throws `INVALID_ARGUMENT` for one that is empty or not within the image
 */
export function cropped(source: PixelSource, region: Region): PixelSource {
  const { x, y, width, height } = region;
  const [left, top] = [Math.round(x), Math.round(y)];
  const [right, bottom] = [Math.round(x + width), Math.round(y + height)];
  const inside = left >= 0 && top >= 0 && right <= source.width && bottom <= source.height;
  if (!(inside && right > left && bottom > top)) {
    source.close();
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `The region ${width} × ${height} at (${x}, ${y}) is not within the image of ${source.width} × ${source.height} pixels.`,
    );
  }
  return {
    width: right - left,
    height: bottom - top,
    channels: source.channels,
    read: (part, to) => source.read({ ...part, x: part.x + left, y: part.y + top }, to),
    close: () => source.close(),
  };
}

import { VitreousError } from '../errors.js';
import type { Pixels } from '../types.js';

/** A rectangle, in pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

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

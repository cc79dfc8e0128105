import { VitreousError } from '../errors.js';
import type { Pixels } from '../types.js';

/**
 * Decoded pixels that are handed to the engine a few rows at a time, so that a large photo is never held whole twice.
 */
export interface PixelSource {
  width: number;
  height: number;
  channels: number;
  /** The next rows that are wanted: `count` from row `first`; tightly packed. */
  rows(first: number, count: number): Uint8Array | Uint8ClampedArray;
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
  const rowBytes = width * channels;
  return {
    width,
    height,
    channels,
    rows: (first, count) => data.subarray(first * rowBytes, (first + count) * rowBytes),
    close() {},
  };
}

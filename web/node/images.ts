import { fileURLToPath } from 'node:url';
import { VitreousError } from '../errors.js';
import { fetchOk } from '../images/fetch.js';
import { cropped, fromPixels, isCrop, isPixels, type PixelSource } from '../images/pixels.js';
import type { ImageInput } from '../types.js';

/** Opens an image in Node: decoded pixels, or a file, URL or Blob that sharp decodes. */
export async function openImage(image: ImageInput, signal: AbortSignal | undefined): Promise<PixelSource> {
  if (typeof image === 'string' || image instanceof URL) {
    const text = String(image);
    if (/^(https?|data):/.test(text)) {
      const response = await fetchOk(text, { cache: true, signal });
      return decodeFile(new Uint8Array(await response.arrayBuffer()), text.slice(0, 120));
    }
    return decodeFile(text.startsWith('file:') ? fileURLToPath(text) : text, text);
  }
  if (image instanceof Blob) {
    const name = (image as File).name ?? 'the image';
    return decodeFile(new Uint8Array(await image.arrayBuffer()), name);
  }
  if (isCrop<ImageInput>(image)) return cropped(await openImage(image.image, signal), image.region);
  if (isPixels(image)) return fromPixels(image);
  throw new VitreousError(
    'INVALID_IMAGE',
    'This is not an image. Hand in a path, URL, Blob or {data, width, height, channels}.',
  );
}

async function decodeFile(file: string | Uint8Array, name: string): Promise<PixelSource> {
  const { default: sharp } = await import('sharp').catch((cause) => {
    throw new VitreousError(
      'UNSUPPORTED',
      'Reading image files in Node needs the package sharp: npm install sharp',
      {
        cause,
      },
    );
  });
  try {
    // As in the browser and with Pillow: upright by EXIF, no colour conversion by an embedded profile.
    const { data, info } = await sharp(file, {
      ignoreIcc: true,
      limitInputPixels: 1 << 28,
      failOn: 'truncated',
    })
      .rotate()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return fromPixels({ data, width: info.width, height: info.height, channels: info.channels });
  } catch (cause) {
    const { message } = cause as Error;
    throw new VitreousError('INVALID_IMAGE', `${name} could not be read as an image: ${message}`, { cause });
  }
}

// Every kind of image that a browser has, as pixels. Works in a page and in a worker.
import { VitreousError } from '../errors.js';
import type { Crop, ImageInput, Pixels } from '../types.js';
import { fetchOk } from './fetch.js';
import { type Box, cropped, fromPixels, isCrop, isPixels, type PixelSource } from './pixels.js';

// What Pillow does: no premultiplied alpha, no embedded colour profile; EXIF orientation is applied.
const asStored = {
  premultiplyAlpha: 'none',
  colorSpaceConversion: 'none',
  imageOrientation: 'from-image',
} satisfies ImageBitmapOptions;

const is = <T>(name: string, value: unknown): value is T => {
  const type = (globalThis as unknown as Record<string, abstract new () => T>)[name];
  return type !== undefined && value instanceof type;
};

/** What can be posted to a worker as it is; `transfer` lists what then belongs to the worker. */
export type Postable = ImageBitmap | ImageData | Blob | Pixels | { url: string } | PostableCrop;
type PostableCrop = Crop<Postable>;

/** Turns an image of the page into something a worker can take, with as little work in the page as possible. */
export async function toPostable(image: ImageInput): Promise<{ image: Postable; transfer: Transferable[] }> {
  if (typeof image === 'string' || image instanceof URL) {
    const url = new URL(image, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    return { image: { url }, transfer: [] };
  }
  if (image instanceof Blob || is<ImageData>('ImageData', image) || is<ImageBitmap>('ImageBitmap', image)) {
    return { image, transfer: [] };
  }
  if (is<HTMLImageElement>('HTMLImageElement', image)) await loaded(image);
  if (isDrawable(image)) {
    const bitmap = await toBitmap(image, describe(image));
    return { image: bitmap, transfer: [bitmap] };
  }
  if (isCrop<ImageInput>(image)) {
    const whole = await toPostable(image.image);
    return { ...whole, image: { image: whole.image, region: image.region } };
  }
  if (isPixels(image)) {
    const { data, width, height, channels } = image;
    return { image: { data, width, height, channels }, transfer: [] };
  }
  throw new VitreousError(
    'INVALID_IMAGE',
    `This is not an image (${describe(image)}). Hand in a canvas, ImageData, ImageBitmap, <img>, <video>, VideoFrame, ` +
      'Blob, File, URL or {data, width, height, channels}.',
  );
}

/** Decodes what {@link toPostable} made, once it was posted. */
export async function decode(image: Postable, signal: AbortSignal | undefined): Promise<PixelSource> {
  if (isCrop<Postable>(image)) return cropped(await decode(image.image, signal), image.region);
  if ('url' in image) {
    const response = await fetchOk(image.url, { cache: true, signal });
    return fromBitmap(await toBitmap(await response.blob(), image.url));
  }
  if (image instanceof Blob) {
    const name = (image as File).name ?? 'the image';
    if (image.size === 0) throw new VitreousError('INVALID_IMAGE', `${name} is empty: it has 0 bytes.`);
    return fromBitmap(await toBitmap(image, name));
  }
  if (is<ImageBitmap>('ImageBitmap', image)) return fromBitmap(image);
  return fromPixels(image);
}

/** An <img> may still be on its way, or broken. */
async function loaded(image: HTMLImageElement): Promise<void> {
  try {
    await image.decode();
  } catch (cause) {
    throw new VitreousError('INVALID_IMAGE', `${describe(image)} could not be loaded or decoded.`, { cause });
  }
}

type Drawable = Exclude<ImageBitmapSource, Blob | ImageData>;

function isDrawable(image: unknown): image is Drawable {
  return ['HTMLCanvasElement', 'OffscreenCanvas', 'HTMLImageElement', 'HTMLVideoElement', 'VideoFrame'].some(
    (name) => is(name, image),
  );
}

async function toBitmap(image: Drawable | Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(image, asStored);
  } catch (cause) {
    throw new VitreousError(
      'INVALID_IMAGE',
      `${name} could not be decoded: it is damaged, empty, or of a format this browser does not know.`,
      { cause },
    );
  }
}

function describe(image: unknown): string {
  const { currentSrc, src } = (image ?? {}) as HTMLImageElement;
  if (currentSrc || src) return (currentSrc || src).slice(0, 120);
  return typeof image === 'object' ? (image?.constructor?.name ?? 'an object') : String(image);
}

// A strip keeps canvases far below what phones allow (16 megapixels on iOS) and memory small.
const STRIP_PIXELS = 1 << 20;

function fromBitmap(bitmap: ImageBitmap): PixelSource {
  let strip: OffscreenCanvasRenderingContext2D | undefined;
  let straight: StraightAlpha | undefined;

  return {
    width: bitmap.width,
    height: bitmap.height,
    channels: 4,
    read(part, to) {
      if (straight === undefined) {
        strip ??= makeStrip(part.width, bitmap.height);
        const { width, height: most } = strip.canvas;
        for (let row = 0; row < part.height; row += most) {
          const rows = Math.min(most, part.height - row);
          strip.drawImage(bitmap, part.x, part.y + row, width, rows, 0, 0, width, rows);
          to.set(readPixels(strip, width, rows), row * width * 4);
        }
        if (!hasAlpha(to)) return;
        straight = straightAlpha(bitmap);
      }
      straight?.read(part, to);
    },
    close() {
      straight?.close();
      bitmap.close();
    },
  };
}

function makeStrip(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP_PIXELS / width)));
  const context = new OffscreenCanvas(width, rows).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new VitreousError('UNSUPPORTED', 'This browser gives workers no 2-D canvas.');
  context.globalCompositeOperation = 'copy';
  return context;
}

function readPixels(context: OffscreenCanvasRenderingContext2D, width: number, rows: number) {
  try {
    return context.getImageData(0, 0, width, rows, { colorSpace: 'srgb' }).data;
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** What the browser says of an image that it shows but does not hand out. */
export function unreadable(cause: unknown): VitreousError {
  return new VitreousError(
    'INVALID_IMAGE',
    `The image may not be read (${(cause as Error).message}). One of another origin needs CORS: ` +
      '<img crossorigin="anonymous">, and a server that allows it.',
    { cause },
  );
}

function hasAlpha(rgba: Uint8Array): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return true;
  return false;
}

interface StraightAlpha {
  read(part: Box, to: Uint8Array): void;
  close(): void;
}

/**
 * A 2-D canvas holds colours premultiplied by alpha, which loses them where alpha is small. A WebGL texture does not:
 * this reads the colours as they are stored in the file. Undefined where there is no WebGL; the canvas must do then.
 */
function straightAlpha(bitmap: ImageBitmap): StraightAlpha | undefined {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl || Math.max(bitmap.width, bitmap.height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return undefined;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) return undefined;
  return {
    read({ x, y, width, height }, to) {
      // Not into `to` itself, which may be shared memory: WebGL refuses that.
      const rgba = new Uint8Array(to.length);
      gl.readPixels(x, y, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
      to.set(rgba);
    },
    close: () => gl.getExtension('WEBGL_lose_context')?.loseContext(),
  };
}

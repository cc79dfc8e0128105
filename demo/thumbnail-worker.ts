/// <reference lib="webworker" />
// Decodes and shrinks photos off the page's thread.

export interface ShrinkRequest {
  id: number;
  blob: Blob;
}

/** What is kept of a photo, made in one decoding. */
export interface Shrunk {
  /** Upright size of the photo. */
  width: number;
  height: number;
  /** The square in the photo's middle. */
  thumbnail: Blob;
  /** The whole photo, its longer side at most {@link LONGEST}; the file itself where it is small. */
  pixels: Blob;
}

export type ShrinkReply = { id: number } & ({ shrunk: Shrunk } | { error: string });

const SQUARE = 320;
const LONGEST = 1024;
/** Smaller files are kept as they are: nothing is lost then. */
const SMALL_BYTES = 1e6;

const scope = self as unknown as DedicatedWorkerGlobalScope;

async function shrink(blob: Blob): Promise<Shrunk> {
  const full = await createImageBitmap(blob);
  try {
    const { width, height } = full;
    const side = Math.min(width, height);
    const thumbnail = await draw(full, { width: side, height: side }, SQUARE / side, 0.82);
    const scale = LONGEST / Math.max(width, height);
    const small = scale >= 1 && blob.size <= SMALL_BYTES;
    return { width, height, thumbnail, pixels: small ? blob : await draw(full, full, scale, 0.92) };
  } finally {
    full.close();
  }
}

/** The middle of a photo as a JPEG, made smaller, never larger. */
function draw(
  full: ImageBitmap,
  { width, height }: { width: number; height: number },
  scale: number,
  quality: number,
): Promise<Blob> {
  const size = (n: number) => Math.max(1, Math.round(n * Math.min(1, scale)));
  const canvas = new OffscreenCanvas(size(width), size(height));
  const context = canvas.getContext('2d', { alpha: false }) as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  const [x, y] = [(full.width - width) / 2, (full.height - height) / 2];
  context.drawImage(full, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality });
}

scope.onmessage = async ({ data: { id, blob } }: MessageEvent<ShrinkRequest>) => {
  const reply = await shrink(blob).then(
    (shrunk): ShrinkReply => ({ id, shrunk }),
    (error): ShrinkReply => ({ id, error: String(error?.message ?? error) }),
  );
  scope.postMessage(reply);
};

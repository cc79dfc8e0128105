/// <reference lib="webworker" />
// Decodes and shrinks photos off the page's thread.

export interface ThumbnailRequest {
  id: number;
  blob: Blob;
  /** `square`: the photo's middle as a small JPEG; `whole`: all of it as a bitmap, its longer side at most this. */
  kind: 'square' | 'whole';
  side: number;
}

export interface ThumbnailReply {
  id: number;
  /** Upright size of the photo. */
  width: number;
  height: number;
  blob?: Blob;
  bitmap?: ImageBitmap;
  error?: string;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;

async function shrink({ id, blob, kind, side }: ThumbnailRequest): Promise<ThumbnailReply> {
  const full = await createImageBitmap(blob);
  const { width, height } = full;
  const cut = Math.min(width, height);
  const scale = kind === 'square' ? Math.min(1, side / cut) : Math.min(1, side / Math.max(width, height));
  const size = (n: number) => Math.max(1, Math.round(n * scale));
  const canvas =
    kind === 'square'
      ? new OffscreenCanvas(size(cut), size(cut))
      : new OffscreenCanvas(size(width), size(height));
  const context = canvas.getContext('2d', { alpha: false }) as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = 'high';
  const [x, y] = kind === 'square' ? [(width - cut) / 2, (height - cut) / 2] : [0, 0];
  context.drawImage(full, x, y, width - 2 * x, height - 2 * y, 0, 0, canvas.width, canvas.height);
  full.close();
  if (kind === 'whole') return { id, width, height, bitmap: canvas.transferToImageBitmap() };
  return { id, width, height, blob: await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 }) };
}

scope.onmessage = async ({ data }: MessageEvent<ThumbnailRequest>) => {
  const reply = await shrink(data).catch(
    (error): ThumbnailReply => ({ id: data.id, width: 0, height: 0, error: String(error?.message ?? error) }),
  );
  scope.postMessage(reply, reply.bitmap ? [reply.bitmap] : []);
};

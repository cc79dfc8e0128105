import type { ThumbnailReply, ThumbnailRequest } from './thumbnail-worker.js';

const SQUARE = 360;
const WHOLE = 1000;

const worker = new Worker(new URL('./thumbnail-worker.js', import.meta.url), { type: 'module' });
const waiting = new Map<number, (reply: ThumbnailReply) => void>();
let lastId = 0;

worker.onmessage = ({ data }: MessageEvent<ThumbnailReply>) => {
  waiting.get(data.id)?.(data);
  waiting.delete(data.id);
};

async function ask(blob: Blob, kind: ThumbnailRequest['kind'], side: number): Promise<ThumbnailReply> {
  const id = ++lastId;
  const reply = await new Promise<ThumbnailReply>((done) => {
    waiting.set(id, done);
    worker.postMessage({ id, blob, kind, side } satisfies ThumbnailRequest);
  });
  if (reply.error !== undefined) throw new Error(reply.error);
  return reply;
}

/** The square in the photo's middle as an object URL, which the caller revokes, and the photo's upright size. */
export async function thumbnail(blob: Blob): Promise<{ url: string; width: number; height: number }> {
  const { blob: small, width, height } = await ask(blob, 'square', SQUARE);
  return { url: URL.createObjectURL(small as Blob), width, height };
}

/** The whole photo, not larger than the screen needs; the caller closes the bitmap. */
export async function preview(blob: Blob): Promise<ImageBitmap> {
  return (await ask(blob, 'whole', WHOLE)).bitmap as ImageBitmap;
}

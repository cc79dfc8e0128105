import type { ShrinkReply, ShrinkRequest, Shrunk } from './thumbnail-worker.js';

let worker: Worker | undefined;
const waiting = new Map<number, (reply: ShrinkReply) => void>();
let lastId = 0;

function start(): Worker {
  const started = new Worker(new URL('./thumbnail-worker.js', import.meta.url), { type: 'module' });
  started.onmessage = ({ data }: MessageEvent<ShrinkReply>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  };
  return started;
}

/** The photo's thumbnail and kept copy, made in a worker. @throws where the browser cannot decode it */
export async function shrink(blob: Blob): Promise<Shrunk> {
  worker ??= start();
  const id = ++lastId;
  const reply = await new Promise<ShrinkReply>((done) => {
    waiting.set(id, done);
    worker?.postMessage({ id, blob } satisfies ShrinkRequest);
  });
  if ('error' in reply) throw new Error(reply.error);
  return reply.shrunk;
}

import { throwIfAborted } from '../errors.js';
import type { PixelSource } from '../images/pixels.js';
import type { Backend } from './backend.js';
import type { ByteSource, Engine } from './engine.js';

/** What depends on where we are: a page, a worker or Node. */
export interface Platform<Image, Source> {
  openImage(image: Image, signal: AbortSignal | undefined): Promise<PixelSource>;
  openWeights(
    weights: Source,
    signal: AbortSignal | undefined,
  ): Promise<ByteSource & { total?: number | undefined }>;
}

/** The engine in this thread; it is the backend's own. */
export function localBackend<Image, Source>(
  { engine, threadsReason }: { engine: Engine; threadsReason: string | undefined },
  platform: Platform<Image, Source>,
): Backend<Image, Source> {
  const open = (images: Image[], signal: AbortSignal | undefined) =>
    images.map((image) => () => {
      throwIfAborted(signal);
      return platform.openImage(image, signal);
    });

  return {
    variant: engine.variant,
    threads: engine.threads,
    threadsReason,
    worker: false,
    models: async () => engine.models(),
    async load(config, weights, { dtype, signal, onProgress }) {
      const source = await platform.openWeights(weights, signal);
      const total = source.size ?? source.total;
      await engine.load(config, source, {
        dtype,
        signal,
        // A length that proves wrong (a compressed transfer) is worth nothing: no bar beyond 100 %.
        onProgress: (loaded) =>
          onProgress?.(loaded, total !== undefined && loaded <= total ? total : undefined),
      });
    },
    transform: (images, config, { signal }) => engine.transformAll(open(images, signal), config),
    async forward(images, config, request, { signal }) {
      const input = Array.isArray(images) ? await engine.transformAll(open(images, signal), config) : images;
      throwIfAborted(signal);
      return engine.forward(input, request);
    },
    forwardHead: async (tokens, preLogits) => engine.forwardHead(tokens, preLogits),
    memoryBytes: async () => engine.memoryBytes(),
    profile: async () => engine.profile(),
    dispose: () => engine.dispose(),
  };
}

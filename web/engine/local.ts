import { throwIfAborted } from '../errors.js';
import type { PixelSource } from '../images/pixels.js';
import type { Access } from '../settings.js';
import { type Files, find } from '../weights/find.js';
import type { Backend } from './backend.js';
import type { ByteSource, Engine } from './engine.js';

/** What depends on where we are: a page, a worker or Node. */
export interface Platform<Image, Source> {
  openImage(image: Image, signal: AbortSignal | undefined): Promise<PixelSource>;
  /** The files of a checkpoint, in order. */
  openWeights(weights: Source, access: Access, signal: AbortSignal | undefined): Promise<ByteSource[]>;
  files(access: Access, signal: AbortSignal | undefined): Promise<Files>;
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
    get failure() {
      return engine.failure;
    },
    find: async (request, access, { signal }) => find(request, await platform.files(access, signal), access),
    async load(config, { weights, head, dtype, access }, { signal, onProgress }) {
      const open = async (source: Source | undefined, isHead: boolean) =>
        source === undefined
          ? []
          : (await platform.openWeights(source, access, signal)).map((file) => ({
              source: file,
              head: isHead,
            }));
      const files = [...(await open(weights, false)), ...(await open(head, true))];
      const numClasses = await engine.load(config, files, {
        dtype,
        signal,
        ...(onProgress && { onProgress }),
      });
      return { numClasses, cached: files.every(({ source }) => source.cached === true) };
    },
    transform: (images, config, { signal }) => engine.transformAll(open(images, signal), config),
    async forward(images, config, request, { signal }) {
      const input = Array.isArray(images) ? await engine.transformAll(open(images, signal), config) : images;
      throwIfAborted(signal);
      return engine.forward(input, request);
    },
    forwardHead: async (features, tokens, preLogits) => engine.forwardHead(features, tokens, preLogits),
    classifier: async () => engine.classifier(),
    resetClassifier: async (numClasses, globalPool, values) =>
      engine.resetClassifier(numClasses, globalPool, values),
    compute: (recipe, args) => engine.compute(recipe, args),
    make: (name, args) => engine.make(name, args),
    invoke: async (object, method, args) => engine.invoke(object, method, args),
    memoryBytes: async () => engine.memoryBytes(),
    profile: async () => engine.profile(),
    dispose: (reason) => engine.dispose(reason),
  };
}

import type { Backend } from './engine/backend.js';
import { RestartingBackend } from './engine/restarting.js';
import { disposedError, throwIfAborted } from './errors.js';
import type { CallOptions, DataConfig, ImageInput, Tensor } from './types.js';

/** timm's eval transform as a function; see {@link createTransform}. */
export interface Transform {
  /** @returns (3, height, width) for one image, (B, 3, height, width) for an array */
  (images: ImageInput | ImageInput[], options?: Pick<CallOptions, 'signal'>): Promise<Tensor>;
  /** Ends the engine that the transform runs on. */
  dispose(): void;
}

/** @internal The engine starts with the first image. */
export function transformOn(createBackend: () => Promise<Backend>, config: DataConfig): Transform {
  let backend: Promise<Backend> | undefined;
  let disposed = false;
  const transform = async (
    images: ImageInput | ImageInput[],
    { signal }: Pick<CallOptions, 'signal'> = {},
  ) => {
    if (disposed) throw disposedError('The transform');
    throwIfAborted(signal);
    backend ??= RestartingBackend.create(createBackend, {}).catch((error) => {
      backend = undefined; // the next call tries again
      throw error;
    });
    const list = Array.isArray(images) ? images : [images];
    const data = await (await backend).transform(list, config, { signal });
    const shape = Array.isArray(images) ? [list.length, ...config.inputSize] : [...config.inputSize];
    return { data, shape };
  };
  return Object.assign(transform, {
    dispose() {
      disposed = true;
      backend?.then((started) => started.dispose()).catch(() => {}); // one that never started needs no end
    },
  });
}

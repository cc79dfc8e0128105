/**
 * vitreous in a browser: timm's DINO Vision Transformer on the visitor's own device.
 * @packageDocumentation
 */
import { deleteFromStores, listStores } from './cache.js';
import { create } from './create.js';
import { createBackend, host } from './host.js';
import type { VisionTransformer } from './model.js';
import { type Transform, transformOn } from './transform.js';
import type { CreateModelOptions, DataConfig } from './types.js';
import { browserStores } from './weights/network.js';
import type { CacheEntry } from './weights/store.js';

export { type ErrorCode, VitreousError } from './errors.js';
export { cosineSimilarity, softmax, topk } from './math.js';
export { VisionTransformer } from './model.js';
export { listModels } from './registry.js';
export { env } from './settings.js';
export type { Transform } from './transform.js';
export type * from './types.js';
export type { CacheEntry } from './weights/store.js';

/**
 * Loads a model: timm's `create_model(name, pretrained=True)`.
 *
 * @example
 * ```ts
 * const model = await createModel('vit_base_patch16_224.dino', { numClasses: 0 });
 * const embedding = await model.embed(canvas, { normalize: true }); // Float32Array(768)
 * ```
 * @param name - timm's name of the model; `vit_nano_patch16_224` comes with the package
 * @throws {@link VitreousError}; a model that is in use already is never touched
 */
export function createModel(name: string, options: CreateModelOptions = {}): Promise<VisionTransformer> {
  return create(host, name, options);
}

/**
 * timm's `create_transform(**data_config, is_training=False)`: resize as Pillow does it, crop, normalise. Models apply
 * their own to pixel inputs; this is for looking at, or keeping, what they see.
 *
 * @param config - for example `model.dataConfig`
 */
export function createTransform(
  config: DataConfig,
  options: Pick<CreateModelOptions, 'worker' | 'assetBase'> = {},
): Transform {
  return transformOn(() => createBackend({ ...options, threads: 1 }), config);
}

/** What the cache of this origin holds, parts of files included. */
export async function listCache(): Promise<CacheEntry[]> {
  return listStores(await browserStores());
}

/**
 * Deletes a model from the cache by its name (all revisions), a file or folder by its URL, or everything. Files that are
 * being loaded at this moment stay.
 * @returns bytes freed
 */
export async function deleteFromCache(nameOrUrl?: string | URL): Promise<number> {
  return deleteFromStores(await browserStores(), nameOrUrl);
}

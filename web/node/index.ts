/**
 * vitreous in Node: the same API, with the engine in this process; images and checkpoints may be file paths.
 * @packageDocumentation
 */
import { readFile } from 'node:fs/promises';
import createEngine from '#glue';
import nanoConfig from '../../models/vit_nano_patch16_224/config.json';
import nanoLabels from '../../models/vit_nano_patch16_224/labels.txt';
import { create, type Host } from '../create.js';
import type { Backend } from '../engine/backend.js';
import { Engine } from '../engine/engine.js';
import { localBackend } from '../engine/local.js';
import { chooseVariant } from '../engine/variant.js';
import type { VisionTransformer } from '../model.js';
import { type Transform, transformOn } from '../transform.js';
import type { CreateModelOptions, DataConfig } from '../types.js';
import { openImage } from './images.js';
import { openFolder, openWeights } from './weights.js';

export { env } from '../create.js';
export { type ErrorCode, VitreousError } from '../errors.js';
export { cosineSimilarity, softmax, topk } from '../math.js';
export { VisionTransformer } from '../model.js';
export type { Transform } from '../transform.js';
export type * from '../types.js';

const NANO = 'vit_nano_patch16_224';

const asset = {
  simd: new URL('./vitreous-simd.wasm', import.meta.url),
  relaxed: new URL('./vitreous-relaxed.wasm', import.meta.url),
  nano: new URL('./vit_nano_patch16_224.safetensors', import.meta.url),
};

async function createBackend(): Promise<Backend> {
  const variant = chooseVariant();
  const module = await WebAssembly.compile(await readFile(asset[variant]));
  return localBackend(await Engine.create(createEngine, variant, module), { openImage, openWeights });
}

const host: Host = {
  createBackend,
  packaged(name) {
    if (name !== NANO) return undefined;
    const { license } = nanoConfig.pretrained_cfg;
    return { weights: asset.nano, config: nanoConfig, labels: nanoLabels, license };
  },
  openFolder,
};

/** As in a browser, see there; `weights` may be a path. The engine runs in this process, `worker` is not looked at. */
export function createModel(name: string, options: CreateModelOptions = {}): Promise<VisionTransformer> {
  return create(host, name, options);
}

/** As in a browser, see there. */
export function createTransform(config: DataConfig): Transform {
  return transformOn(createBackend, config);
}

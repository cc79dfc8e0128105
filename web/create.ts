import type { Backend } from './engine/backend.js';
import type { ModelEntry } from './engine/module.js';
import { throwIfAborted, toVitreousError, VitreousError } from './errors.js';
import { VisionTransformer } from './model.js';
import type { CreateModelOptions, DataConfig, ModelConfig, Weights } from './types.js';
import { type HubConfig, parseHubConfig } from './weights/hub.js';

/** Settings of the library; change them before the first createModel. */
export const env = {
  /** Where models come from that are not packaged: `${hub}/timm/<name>/resolve/main/model.safetensors`. */
  hub: 'https://huggingface.co',
};

/** A model that comes with the package. */
export interface Packaged {
  weights: Weights;
  config: unknown;
  labels: string;
  license: string;
}

/** A folder in timm-hub layout. */
export interface ModelFolder {
  config: unknown;
  labels: string | undefined;
  weights: string | URL;
}

/** What createModel needs of the place it runs in: a browser or Node. */
export interface Host {
  createBackend(options: CreateModelOptions): Promise<Backend>;
  packaged(name: string, options: CreateModelOptions): Packaged | undefined;
  /** The folder's files if `weights` is one, undefined if it is a file. */
  openFolder(weights: string | URL, signal: AbortSignal | undefined): Promise<ModelFolder | undefined>;
}

export async function create(
  host: Host,
  name: string,
  options: CreateModelOptions,
): Promise<VisionTransformer> {
  const { dtype = 'fp32', signal, onProgress } = options;
  checkOptions(name, options);
  throwIfAborted(signal);
  const backend = await host.createBackend(options);
  try {
    const found = await findWeights(host, name, options);
    const entry = findEntry(await backend.models(), name, found.hub);
    const config = resolveConfig(entry, name, found.hub, options);
    const dataConfig: DataConfig = { ...entry.data, ...found.hub?.dataConfig };
    checkSize(config, dataConfig, options);
    await backend.load(config, found.weights, {
      dtype,
      signal,
      onProgress: (loaded, total) => onProgress?.({ stage: 'download', loaded, total }),
    });
    const info = {
      variant: backend.variant,
      threads: backend.threads,
      threadsReason: backend.threadsReason,
      dtype,
      ...count(config),
      worker: backend.worker,
      weights: found.from,
      license: found.license,
    };
    return new VisionTransformer(backend, { config, dataConfig, labels: found.labels, info });
  } catch (error) {
    backend.dispose();
    throw toVitreousError(error);
  }
}

function checkOptions(name: string, { dtype, numClasses, threads }: CreateModelOptions): void {
  if (typeof name !== 'string' || name === '') {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      'createModel needs the name of a model, for example ' + '"vit_base_patch16_224.dino".',
    );
  }
  if (dtype !== undefined && dtype !== 'fp32' && dtype !== 'int8') {
    throw new VitreousError('INVALID_ARGUMENT', `dtype is 'fp32' or 'int8', not '${dtype}'.`);
  }
  if (numClasses !== undefined && !(Number.isInteger(numClasses) && numClasses >= 0)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `numClasses must be a whole number from 0 on, not ${numClasses}.`,
    );
  }
  if (threads !== undefined && threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `threads must be 'auto' or a whole number from 1 on, not ${threads}.`,
    );
  }
}

export interface FoundWeights {
  weights: Weights;
  hub: HubConfig | undefined;
  labels: string[];
  from: string;
  license: string | undefined;
}

export async function findWeights(
  host: Host,
  name: string,
  options: CreateModelOptions,
): Promise<FoundWeights> {
  const plain = { hub: undefined, labels: [], license: undefined };
  if (options.weights === undefined) {
    const packaged = host.packaged(name, options);
    if (packaged) {
      const hub = parseHubConfig(packaged.config, 'the packaged config.json');
      return { ...packaged, hub, labels: lines(packaged.labels), from: `packaged ${name}` };
    }
    const url = `${env.hub}/timm/${name}/resolve/main/model.safetensors`;
    return { ...plain, weights: url, from: url };
  }
  const { weights } = options;
  if (typeof weights !== 'string' && !(weights instanceof URL))
    return { ...plain, weights, from: 'the caller' };
  const folder = await host.openFolder(weights, options.signal);
  if (folder === undefined) return { ...plain, weights, from: String(weights) };
  const hub = parseHubConfig(folder.config, `${weights}/config.json`);
  return {
    weights: folder.weights,
    hub,
    labels: folder.labels === undefined ? [] : lines(folder.labels),
    from: String(weights),
    license: hub.license,
  };
}

/** The name's own entry, else that of the architecture which a config.json names. */
export function findEntry(models: ModelEntry[], name: string, hub: HubConfig | undefined): ModelEntry {
  const names = [name, hub?.architecture].filter((known) => known !== undefined);
  for (const known of names) {
    const entry = models.find(({ config }) => config.name === known);
    if (entry) return entry;
  }
  throw new VitreousError(
    'UNKNOWN_MODEL',
    `There is no model named '${names.join("' or '")}'. Known are: ${models.map(({ config }) => config.name).join(', ')}.`,
  );
}

export function resolveConfig(
  entry: ModelEntry,
  name: string,
  hub: HubConfig | undefined,
  options: CreateModelOptions,
): ModelConfig {
  const config = { ...entry.config, ...hub?.config, name };
  // timm's mlp_ratio is 4 throughout the family.
  if (hub?.config.dim !== undefined) config.mlpDim = 4 * hub.config.dim;
  if (options.numClasses !== undefined) config.numClasses = options.numClasses;
  return config;
}

function checkSize(config: ModelConfig, data: DataConfig, { imgSize }: CreateModelOptions): void {
  const [, height, width] = data.inputSize;
  if (height !== config.imageHeight || width !== config.imageWidth) {
    throw new VitreousError(
      'UNSUPPORTED',
      `The preprocessing gives ${height} × ${width} pixels, ${config.name} takes ${config.imageHeight} × ${config.imageWidth}.`,
    );
  }
  if (imgSize !== undefined && (imgSize !== height || imgSize !== width)) {
    throw new VitreousError(
      'UNSUPPORTED',
      `imgSize ${imgSize} is not in this version: ${config.name} takes ${height} × ${width}.`,
    );
  }
}

/** Parameters and tensors of the model, as `sum(p.numel() for p in model.parameters())` counts them. */
function count({ dim, depth, mlpDim, patchSize, imageHeight, imageWidth, numClasses }: ModelConfig) {
  const tokens = 1 + (imageHeight / patchSize) * (imageWidth / patchSize);
  const linear = (from: number, to: number) => from * to + to;
  const block = 4 * dim + linear(dim, 3 * dim) + linear(dim, dim) + linear(dim, mlpDim) + linear(mlpDim, dim);
  const embed = dim + tokens * dim + linear(3 * patchSize ** 2, dim);
  const head = numClasses > 0 ? linear(dim, numClasses) : 0;
  return {
    parameters: embed + depth * block + 2 * dim + head,
    tensors: 6 + 12 * depth + (numClasses > 0 ? 2 : 0),
  };
}

const lines = (text: string) => text.trimEnd().split(/\r?\n/);

import type { Backend, Source } from './engine/backend.js';
import type { ModelEntry } from './engine/module.js';
import { throwIfAborted, toVitreousError, VitreousError } from './errors.js';
import { VisionTransformer } from './model.js';
import { type Access, env } from './settings.js';
import type { CreateModelOptions, DataConfig, ModelConfig, ModelInfo, Weights } from './types.js';
import type { Found } from './weights/find.js';
import { type HubConfig, parseHubConfig } from './weights/hub.js';
import { baseName, closeMatches, familyEntry, hubRepo, inFamily } from './weights/names.js';

/** A model that comes with the package. */
export interface Packaged {
  /** The address of its checkpoint. */
  url: string;
  config: unknown;
  labels: string;
  license: string;
}

/** What createModel needs of the place it runs in: a browser or Node. */
export interface Host {
  createBackend(options: CreateModelOptions): Promise<Backend>;
  packaged(name: string, options: CreateModelOptions): Packaged | undefined;
  /** A URL or path as the address of a file or folder. */
  address(place: string | URL): string;
  /** The names of ImageNet-1k's classes, a line each. */
  imagenetLabels: string;
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
    const entries = await backend.models();
    const names = entries.map(({ config }) => config.name);
    const found = await withMatches(name, names, options, () => findWeights(host, backend, name, options));
    const entry = findEntry(entries, name, found.hub);
    const config = resolveConfig(entry, name, found.hub, options);
    const { imageHeight, imageWidth } = config;
    const dataConfig: DataConfig = {
      ...entry.data,
      ...found.hub?.dataConfig,
      inputSize: [3, imageHeight, imageWidth],
    };
    const { access } = found;
    const head = options.head === undefined ? undefined : sourceOf(host, options.head);
    const load = (weights: Source) =>
      backend.load(config, { weights, head, dtype, access }, { signal, onProgress });
    const { numClasses, cached } = await withMatches(name, names, options, async () =>
      load(found.weights).catch(async (error) => {
        if (error.code !== 'NOT_FOUND' || found.index === undefined) throw error;
        const index = await backend.find({ url: found.index }, access, { signal }).catch(() => undefined);
        if (index === undefined) throw error;
        return load(index.files);
      }),
    );
    config.numClasses = numClasses;
    const labels = head === undefined ? found.labels : numClasses === 1000 ? lines(host.imagenetLabels) : [];
    const info: ModelInfo = {
      variant: backend.variant,
      threads: backend.threads,
      threadsReason: backend.threadsReason,
      dtype,
      ...count(head === undefined ? config : { ...config, numClasses: 0 }),
      worker: backend.worker,
      weights: found.from,
      packaged: found.packaged,
      cached,
      license: found.license,
    };
    return new VisionTransformer(backend, { config, dataConfig, labels, info });
  } catch (error) {
    backend.dispose();
    throw toVitreousError(error);
  }
}

/** A name that the hub does not know may be misspelt. */
async function withMatches<T>(
  name: string,
  names: string[],
  { weights }: CreateModelOptions,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as VitreousError;
    if (weights !== undefined || (code !== 'NOT_FOUND' && code !== 'UNAUTHORIZED')) throw error;
    const close = closeMatches(name, names).filter((match) => match !== name);
    const hint = close.length > 0 ? ` Did you mean ${close.join(' or ')}?` : '';
    throw new VitreousError(code, `The hub has no '${name}' for us: ${message}${hint}`, { cause: error });
  }
}

function checkOptions(
  name: string,
  { dtype, numClasses, threads, revision, imgSize }: CreateModelOptions,
): void {
  if (typeof name !== 'string' || name === '') {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      'createModel needs the name of a model, for example ' + '"vit_base_patch16_224.dino".',
    );
  }
  if (dtype !== undefined && dtype !== 'fp32' && dtype !== 'int8') {
    throw new VitreousError('INVALID_ARGUMENT', `dtype is 'fp32' or 'int8', not '${dtype}'.`);
  }
  if (revision !== undefined && !/^[\w.-]+$/.test(revision)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `revision is a branch, a tag or a commit, not '${revision}'.`,
    );
  }
  if (numClasses !== undefined && !(Number.isInteger(numClasses) && numClasses >= 0)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `numClasses must be a whole number from 0 on, not ${numClasses}.`,
    );
  }
  const sides = typeof imgSize === 'number' ? [imgSize, imgSize] : imgSize;
  const isSide = (side: number) => Number.isInteger(side) && side >= 1;
  if (sides !== undefined && !(Array.isArray(sides) && sides.length === 2 && sides.every(isSide))) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `imgSize is a number of pixels or [height, width], not ${JSON.stringify(imgSize)}.`,
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
  weights: Source;
  /** Of a checkpoint in several files, where `weights` may be missing for that reason. */
  index: string | undefined;
  access: Access;
  hub: HubConfig | undefined;
  labels: string[];
  from: string;
  packaged: boolean;
  license: string | undefined;
}

export async function findWeights(
  host: Host,
  backend: Pick<Backend, 'models' | 'find'>,
  name: string,
  options: CreateModelOptions,
): Promise<FoundWeights> {
  const { weights, signal, revision = 'main' } = options;
  const plain = { hub: undefined, index: undefined, labels: [], license: undefined, packaged: false };
  if (weights === undefined) {
    const packaged = host.packaged(name, options);
    if (packaged) {
      // Its address is another file with the next version of the package: the HTTP cache knows, ours would not.
      const cache = options.cache === false ? 'none' : 'http';
      return {
        ...plain,
        weights: [{ url: packaged.url }],
        access: { ...accessTo(undefined, options), cache },
        hub: parseHubConfig(packaged.config, 'the packaged config.json'),
        labels: lines(packaged.labels),
        from: `packaged ${name}`,
        packaged: true,
        license: packaged.license,
      };
    }
    const hub = host.address(env.hub);
    const access = accessTo(hub, options);
    access.settings.hub = hub;
    const known = (await backend.models()).some(({ config }) => config.name === name);
    if (!known && !inFamily(name) && !name.includes('/')) return { ...plain, weights: [], access, from: hub };
    const found = await backend.find({ repo: hubRepo(name), revision }, access, { signal });
    if (!known && found.config === undefined) {
      throw new VitreousError('NOT_FOUND', `${found.files[0]?.url} has no config.json beside it (404).`);
    }
    return { ...plain, ...described(found), access, from: found.files[0]?.url ?? hub };
  }
  if (typeof weights !== 'string' && !(weights instanceof URL)) {
    return { ...plain, weights, access: accessTo(undefined, options), from: 'the caller' };
  }
  const url = host.address(weights);
  const access = accessTo(url, options);
  const found = await backend.find({ url }, access, { signal });
  return { ...plain, ...described(found), access, from: String(weights) };
}

/** What a folder or a repository says of its model. */
function described({ files, index, config, labels }: Found) {
  const hub = config && parseHubConfig(config.json, config.url);
  return {
    weights: files,
    index,
    hub,
    labels: labels === undefined ? [] : lines(labels),
    license: hub?.license,
  };
}

function accessTo(url: string | undefined, { cache = true, headers }: CreateModelOptions): Access {
  return {
    cache: cache ? 'own' : 'none',
    headers,
    origin: url && new URL(url).origin,
    settings: { ...env },
  };
}

const sourceOf = (host: Host, weights: Weights): Source =>
  typeof weights === 'string' || weights instanceof URL ? [{ url: host.address(weights) }] : weights;

/** The name's own entry, else that of the architecture which a config.json names, else what timm's naming says. */
export function findEntry(models: ModelEntry[], name: string, hub: HubConfig | undefined): ModelEntry {
  const names = [baseName(name), hub?.architecture].filter((known) => known !== undefined);
  for (const known of names) {
    const entry = models.find(({ config }) => config.name === known);
    if (entry) return entry;
  }
  const like = models.find(({ config }) => config.name.endsWith('.dino'));
  for (const known of hub ? names : []) {
    const entry = like && familyEntry(known, like);
    if (entry) return entry;
  }
  const known = models.map(({ config }) => config.name);
  const close = closeMatches(name, known);
  const hint = close.length > 0 ? ` Did you mean ${close.join(' or ')}?` : '';
  throw new VitreousError(
    'UNKNOWN_MODEL',
    `There is no model named '${names.join("' or '")}'.${hint} Known are: ${known.join(', ')}; others of the family load by their config.json, from a folder or as 'owner/name' from the hub.`,
  );
}

export function resolveConfig(
  entry: ModelEntry,
  name: string,
  hub: HubConfig | undefined,
  options: CreateModelOptions,
): ModelConfig {
  const config = { ...entry.config, ...hub?.config, name: baseName(name) };
  // timm's mlp_ratio is 4 throughout the family.
  if (hub?.config.dim !== undefined) config.mlpDim = 4 * hub.config.dim;
  if (options.numClasses !== undefined) config.numClasses = options.numClasses;
  // What the checkpoint was made for; a config.json may say it of the preprocessing only.
  if (hub?.dataConfig.inputSize && hub.config.imageHeight === undefined) {
    [, config.imageHeight, config.imageWidth] = hub.dataConfig.inputSize;
  }
  config.pretrainedHeight = config.imageHeight;
  config.pretrainedWidth = config.imageWidth;
  const { imgSize = [config.imageHeight, config.imageWidth] } = options;
  [config.imageHeight, config.imageWidth] = typeof imgSize === 'number' ? [imgSize, imgSize] : imgSize;
  return config;
}

/** Parameters and tensors of the model, as `sum(p.numel() for p in model.parameters())` counts them. */
function count(config: ModelConfig) {
  const { dim, depth, mlpDim, patchSize, imageHeight, imageWidth, numClasses, layerScale } = config;
  const { regTokens, noEmbedClass, preNorm } = config;
  const patches = (imageHeight / patchSize) * (imageWidth / patchSize);
  const positions = patches + (noEmbedClass ? 0 : 1 + regTokens);
  const linear = (from: number, to: number) => from * to + to;
  const norms = 4 * dim;
  const scales = layerScale ? 2 * dim : 0;
  const attention = linear(dim, 3 * dim) + linear(dim, dim);
  const block = norms + attention + linear(dim, mlpDim) + linear(mlpDim, dim) + scales;
  const patchEmbed = 3 * patchSize ** 2 * dim + (preNorm ? 2 * dim : dim);
  const embed = dim + regTokens * dim + positions * dim + patchEmbed;
  const head = numClasses > 0 ? linear(dim, numClasses) : 0;
  return {
    parameters: embed + depth * block + 2 * dim + head,
    tensors:
      6 +
      (regTokens > 0 ? 1 : 0) +
      (preNorm ? 1 : 0) +
      (layerScale ? 14 : 12) * depth +
      (numClasses > 0 ? 2 : 0),
  };
}

const lines = (text: string) => text.trimEnd().split(/\r?\n/);

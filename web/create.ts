import { checkGlobalPool, checkNumClasses } from './classifier.js';
import type { Backend, Source } from './engine/backend.js';
import type { ModelEntry } from './engine/module.js';
import { RestartingBackend } from './engine/restarting.js';
import { throwIfAborted, toVitreousError, VitreousError } from './errors.js';
import { VisionTransformer } from './model.js';
import { resolveDataConfig } from './preprocess.js';
import { countTensors, findModel, models } from './registry.js';
import { type Access, env } from './settings.js';
import { sidesOf } from './sizes.js';
import type { CreateModelOptions, DataConfig, ModelConfig, ModelInfo, Weights } from './types.js';
import type { Found } from './weights/find.js';
import { type HubConfig, parseHubConfig } from './weights/hub.js';
import { baseName, closeMatches, familyEntry, hubRepo, inFamily } from './weights/names.js';

/** A model that comes with the package. */
export interface Packaged {
  /** The address of its checkpoint. */
  url: string;
  config: unknown;
  /** A line each. */
  labels(): Promise<string>;
  license: string;
}

/** What createModel needs of the place it runs in: a browser or Node. */
export interface Host {
  createBackend(options: CreateModelOptions): Promise<Backend>;
  packaged(name: string, options: CreateModelOptions): Packaged | undefined;
  /** A URL or path as the address of a file or folder. */
  address(place: string | URL): string;
  /** The names of ImageNet-1k's classes, a line each. */
  imagenetLabels(options: CreateModelOptions): Promise<string>;
}

export async function create(
  host: Host,
  name: string,
  options: CreateModelOptions,
): Promise<VisionTransformer> {
  const { dtype = 'fp32', signal, onProgress } = options;
  checkOptions(name, options);
  throwIfAborted(signal);
  const backend = await RestartingBackend.create(host.createBackend, options);
  try {
    const found = await withMatches(name, options, () => findWeights(host, backend, name, options));
    const entry = findEntry(name, found.hub);
    const config = resolveConfig(entry, name, found.hub, options);
    const { imageHeight, imageWidth } = config;
    const modelData: DataConfig = {
      ...entry.data,
      ...found.hub?.dataConfig,
      inputSize: [3, imageHeight, imageWidth],
    };
    const dataConfig = resolveDataConfig(modelData, options.preprocess);
    const { access } = found;
    const head = options.head === undefined ? undefined : sourceOf(host, options.head);
    const load = (weights: Source) =>
      backend
        .load(config, { weights, head, dtype, access }, { signal, onProgress })
        .catch((error) => Promise.reject(withNormHint(error, config, options)));
    const { numClasses, cached } = await withMatches(name, options, async () =>
      load(found.weights).catch(async (error) => {
        if (error.code !== 'NOT_FOUND' || found.index === undefined) throw error;
        const index = await backend.find({ url: found.index }, access, { signal }).catch(() => undefined);
        if (index === undefined) throw error;
        return load(index.files);
      }),
    );
    config.numClasses = numClasses;
    const own = head === undefined && numClasses > 0 ? await found.labels() : [];
    // DINO's probes and the models that have a name here are ImageNet's where they have 1,000 classes.
    const imagenet = head !== undefined || findModel(baseName(name))?.config.numClasses === 1000;
    const labels =
      own.length === 0 && imagenet && numClasses === 1000 ? lines(await host.imagenetLabels(options)) : own;
    const info: ModelInfo = {
      variant: backend.variant,
      threads: backend.threads,
      threadsReason: backend.threadsReason,
      dtype,
      ...countTensors(head === undefined ? config : { ...config, numClasses: 0 }),
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

/** A checkpoint for another pooling has its norm elsewhere; timm fails there as well. */
function withNormHint(error: VitreousError, config: ModelConfig, { globalPool }: CreateModelOptions) {
  if (error.code !== 'TENSOR_MISSING' || globalPool === undefined || !config.fcNorm) return error;
  const hint =
    `With globalPool '${globalPool}' the final norm comes after the pooling (fc_norm). For the norm that this checkpoint ` +
    `has leave the option out, and call model.resetClassifier(model.numClasses, '${globalPool}', await model.getClassifier()).`;
  return new VitreousError(error.code, `${error.message} ${hint}`, { cause: error });
}

const knownNames = () => models.map(({ config }) => config.name);

/** A name that the hub does not know may be misspelt. */
async function withMatches<T>(
  name: string,
  { weights }: CreateModelOptions,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as VitreousError;
    if (weights !== undefined || (code !== 'NOT_FOUND' && code !== 'UNAUTHORIZED')) throw error;
    const close = closeMatches(name, knownNames()).filter((match) => match !== name);
    const hint = close.length > 0 ? ` Did you mean ${close.join(' or ')}?` : '';
    throw new VitreousError(code, `The hub has no '${name}' for us: ${message}${hint}`, { cause: error });
  }
}

function checkOptions(
  name: string,
  {
    dtype,
    numClasses,
    globalPool,
    threads,
    maxMemory,
    revision,
    imgSize,
    posEmbedInterpolation,
  }: CreateModelOptions,
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
  if (numClasses !== undefined) checkNumClasses(numClasses);
  if (globalPool !== undefined) checkGlobalPool(globalPool);
  if (imgSize !== undefined) sidesOf(imgSize);
  if (
    posEmbedInterpolation !== undefined &&
    posEmbedInterpolation !== 'timm' &&
    posEmbedInterpolation !== 'dino'
  ) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `posEmbedInterpolation is 'timm' or 'dino', not '${posEmbedInterpolation}'.`,
    );
  }
  if (maxMemory !== undefined && !(maxMemory >= 2 ** 25 && maxMemory <= 2 ** 32)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `maxMemory is a number of bytes, 32 MB (2 ** 25) to 4 GB (2 ** 32), not ${maxMemory}.`,
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
  labels(): Promise<string[]>;
  from: string;
  packaged: boolean;
  license: string | undefined;
}

export async function findWeights(
  host: Host,
  backend: Pick<Backend, 'find'>,
  name: string,
  options: CreateModelOptions,
): Promise<FoundWeights> {
  const { weights, signal, revision = 'main' } = options;
  const labels = async () => [];
  const plain = { hub: undefined, index: undefined, labels, license: undefined, packaged: false };
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
        labels: async () => lines(await packaged.labels()),
        from: `packaged ${name}`,
        packaged: true,
        license: packaged.license,
      };
    }
    const hub = host.address(env.hub);
    const access = accessTo(hub, options);
    access.settings.hub = hub;
    const known = findModel(name) !== undefined;
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
    labels: async () => (labels === undefined ? [] : lines(labels)),
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
export function findEntry(name: string, hub: HubConfig | undefined): ModelEntry {
  const names = [baseName(name), hub?.architecture].filter((known) => known !== undefined);
  for (const known of names) {
    const entry = findModel(known);
    if (entry) return entry;
  }
  const like = models.find(({ config }) => config.name.endsWith('.dino'));
  for (const known of hub ? names : []) {
    const entry = like && familyEntry(known, like);
    if (entry) return entry;
  }
  const known = knownNames();
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
  if (hub) config.mlpDim = Math.trunc(config.dim * (hub.mlpRatio ?? 4));
  if (options.numClasses !== undefined) config.numClasses = options.numClasses;
  if (options.globalPool !== undefined) config.globalPool = options.globalPool;
  // As VisionTransformer's constructor: where nothing says, it follows from the pooling.
  config.fcNorm = hub?.config.fcNorm ?? config.globalPool === 'avg';
  // What the checkpoint was made for; a config.json may say it of the preprocessing only.
  if (hub?.dataConfig.inputSize && hub.config.imageHeight === undefined) {
    [, config.imageHeight, config.imageWidth] = hub.dataConfig.inputSize;
  }
  config.pretrainedHeight = config.imageHeight;
  config.pretrainedWidth = config.imageWidth;
  const { imgSize, dynamicImgSize = false, posEmbedInterpolation = 'timm' } = options;
  if (imgSize !== undefined) {
    [config.imageHeight, config.imageWidth] = sidesOf(imgSize, config.patchSize);
  }
  Object.assign(config, { dynamicImgSize, posEmbedInterpolation });
  return config;
}

const lines = (text: string) => text.trimEnd().split(/\r?\n/);

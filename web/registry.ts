// The models that can be asked for by name. The table is src/model/registry.cc; the build writes it down as JSON.
import table from '#models';
import type { ModelEntry } from './engine/module.js';
import type { ModelConfig, ModelDescription } from './types.js';

/** @internal All of them. Its type is written out, so that the declarations do not ask for the build's module. */
export const models: readonly ModelEntry[] = table;

const architectureOf = (name: string) => name.replace(/\..*$/, '');

/** @internal As `find_model` in src/model/registry.cc: an architecture alone means timm's default weights. */
export const findModel = (name: string): ModelEntry | undefined =>
  models.find(({ config }) => config.name === name) ??
  models.find(({ config }) => architectureOf(config.name) === name);

/**
 * The models that have a name here; timm: `timm.list_models(filter, pretrained=True)`. Others of the family load by
 * their config.json: from a folder in timm-hub layout, or as `owner/name` from the hub.
 * @param pattern - a name, in which `*` stands for any text and `?` for any character; an architecture alone
 * (`vit_base_patch16_224`) is the model that {@link createModel} makes of it. Default: all
 * @returns sorted by name; nothing is loaded for it
 */
export function listModels(pattern = '*'): ModelDescription[] {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  const matches = new RegExp(`^${source}$`);
  const found = models.filter(({ config }) => matches.test(config.name));
  const named = found.length > 0 ? found : [findModel(pattern)].filter((entry) => entry !== undefined);
  return named
    .map(({ config, data, description, license, hub }) => ({
      name: config.name,
      description,
      license,
      repository: hub,
      ...countTensors(config),
      config: { ...config },
      dataConfig: { ...data },
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Parameters and tensors of a model, as `sum(p.numel() for p in model.parameters())` counts them. */
export function countTensors(config: ModelConfig): { parameters: number; tensors: number } {
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

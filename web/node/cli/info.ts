import {
  type DataConfig,
  env,
  listCache,
  listModels,
  type ModelConfig,
  type ModelDescription,
  type VisionTransformer,
} from 'vitreous';
import type { Flags } from '../cli.js';
import { DEFAULT_MODEL, findModel, openModel, print, UsageError } from './model.js';

/** `vitreous info` */
export async function info(files: string[], flags: Flags): Promise<number> {
  if (files.length > 0) throw new UsageError(`vitreous info takes no files, but there is ${files[0]}.`);
  const described = await describedOnly(flags);
  if (described) return await explain(described, flags);
  using model = await openModel(flags);
  return await report(model, flags);
}

/** A model that has a name but no weights here: nothing is downloaded to tell what it is. */
async function describedOnly(flags: Flags): Promise<ModelDescription | undefined> {
  const { name, weights } = await findModel(flags.model ?? DEFAULT_MODEL, flags.arch);
  const [description] = /[*?]/.test(name) ? [] : listModels(name);
  if (description === undefined || weights !== undefined || name === DEFAULT_MODEL) return undefined;
  const isHere = ({ url, complete }: { url: string; complete: boolean }) =>
    complete && url.includes(`/${description.repository}/`) && url.endsWith('.safetensors');
  return (await listCache()).some(isHere) ? undefined : description;
}

async function explain(description: ModelDescription, flags: Flags): Promise<number> {
  const { name, description: what, license, repository, parameters, tensors } = description;
  const weights = `not here; from ${env.hub}/${repository}`;
  if (flags.json) {
    await print(`${JSON.stringify({ ...description, weights }, null, 2)}\n`);
    return 0;
  }
  await printRows({
    model: name,
    description: what,
    weights: `${weights} (${(parameters / 2.5e5).toFixed(0)} MB in fp32)`,
    licence: license,
    ...architecture(description.config),
    ...preprocessing(description.dataConfig),
    tensors: `${tensors}, ${parameters.toLocaleString('en')} parameters`,
  });
  return 0;
}

async function report(model: VisionTransformer, flags: Flags): Promise<number> {
  const { config, dataConfig, labels } = model;
  const memoryBytes = await model.memoryBytes();
  if (flags.json) {
    await print(
      `${JSON.stringify({ config, dataConfig, labels: labels.length, ...model.info, memoryBytes }, null, 2)}\n`,
    );
    return 0;
  }
  const { variant, threads, threadsReason, dtype, parameters, tensors, weights, license } = model.info;
  await printRows({
    model: config.name,
    weights,
    licence: license ?? 'not stated by the checkpoint',
    ...architecture(config, labels.length),
    ...preprocessing(dataConfig),
    tensors: `${tensors}, ${parameters.toLocaleString('en')} parameters`,
    engine: `wasm ${variant}, ${threads} thread${threads === 1 ? '' : 's'}${threadsReason ? ` (${threadsReason})` : ''}, ${dtype}`,
    memory: `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
  });
  return 0;
}

function architecture(config: ModelConfig, labels?: number) {
  const { patchSize, dim, depth, heads, numClasses, regTokens, globalPool } = config;
  const others = [
    regTokens > 0 && `${regTokens} registers`,
    config.layerScale && 'layer scale',
    config.preNorm && 'norm before the blocks',
    config.activation === 'quick_gelu' && 'quick GELU',
    globalPool !== 'token' && `global_pool '${globalPool}'`,
    config.fcNorm && 'norm after the pooling',
  ].filter(Boolean);
  const classes = numClasses === 0 ? 'none: embeddings only' : String(numClasses);
  return {
    architecture: [`patch ${patchSize}, dim ${dim}, depth ${depth}, heads ${heads}`, ...others].join(', '),
    classes: numClasses > 0 && labels !== undefined ? `${classes}, ${labels} labels` : classes,
  };
}

function preprocessing({ inputSize, interpolation, cropPct, mean, std }: DataConfig) {
  return {
    input: `${inputSize.join(' × ')}, ${interpolation}, crop_pct ${cropPct}`,
    normalisation: `mean ${mean.join(' ')}, std ${std.join(' ')}`,
  };
}

async function printRows(rows: Record<string, string>): Promise<void> {
  const width = Math.max(...Object.keys(rows).map((key) => key.length));
  const lines = Object.entries(rows).map(([key, value]) => `${key.padEnd(width)}  ${value}\n`);
  await print(lines.join(''));
}

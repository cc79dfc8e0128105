import type { Flags } from '../cli.js';
import { openModel, print, UsageError } from './model.js';

/** `vitreous info` */
export async function info(files: string[], flags: Flags): Promise<number> {
  if (files.length > 0) throw new UsageError(`vitreous info takes no files, but there is ${files[0]}.`);
  using model = await openModel(flags);
  const { config, dataConfig, labels } = model;
  const memoryBytes = await model.memoryBytes();
  if (flags.json) {
    await print(
      `${JSON.stringify({ config, dataConfig, labels: labels.length, ...model.info, memoryBytes }, null, 2)}\n`,
    );
    return 0;
  }
  const { variant, threads, threadsReason, dtype, parameters, tensors, weights, license } = model.info;
  const [channels, height, width] = dataConfig.inputSize;
  const rows = {
    model: config.name,
    weights,
    licence: license ?? 'not stated by the checkpoint',
    architecture: `patch ${config.patchSize}, dim ${config.dim}, depth ${config.depth}, heads ${config.heads}`,
    classes:
      config.numClasses === 0 ? 'none: embeddings only' : `${config.numClasses}, ${labels.length} labels`,
    input: `${channels} × ${height} × ${width}, ${dataConfig.interpolation}, crop_pct ${dataConfig.cropPct}`,
    normalisation: `mean ${dataConfig.mean.join(' ')}, std ${dataConfig.std.join(' ')}`,
    tensors: `${tensors}, ${parameters.toLocaleString('en')} parameters`,
    engine: `wasm ${variant}, ${threads} thread${threads === 1 ? '' : 's'}${threadsReason ? ` (${threadsReason})` : ''}, ${dtype}`,
    memory: `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
  };
  const width1 = Math.max(...Object.keys(rows).map((key) => key.length));
  await print(
    Object.entries(rows)
      .map(([key, value]) => `${key.padEnd(width1)}  ${value}\n`)
      .join(''),
  );
  return 0;
}

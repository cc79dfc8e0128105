import { resolve } from 'node:path';
import { findEntry, findWeights, type Host, resolveConfig } from '../create.js';
import type { Backend } from '../engine/backend.js';
import type { ByteSource, Outcome } from '../engine/engine.js';
import type { GlueConverter, GluePiece, ModelEntry, ModelModule } from '../engine/module.js';
import { throwIfAborted, toVitreousError, VitreousError } from '../errors.js';
import type { Weights } from '../types.js';
import { find } from '../weights/find.js';
import { folderObstacle, ModelFolderWriter } from './model_folder.js';
import { nodeFiles, openWeights } from './weights.js';

/** Options of `convertModel`. */
export interface ConvertOptions {
  /**
   * `'fp16'`: every tensor, rounded to nearest even. `'int8'`: the linear layers of the blocks with a scale per output
   * channel, everything else in fp32; loaded with `dtype: 'int8'` it gives the same bits as the original does.
   */
  dtype: 'fp16' | 'int8';
  /** As for {@link createModel}. */
  weights?: Weights;
  /** Write also into a folder that has other files in it. */
  force?: boolean;
  signal?: AbortSignal;
}

/** @internal See `convertModel` in web/node/index.ts. */
export async function convertOn(
  host: Host,
  startModule: () => Promise<ModelModule>,
  name: string,
  outFolder: string,
  { dtype, weights, force = false, signal }: ConvertOptions,
): Promise<void> {
  if (dtype !== 'fp16' && dtype !== 'int8') {
    throw new VitreousError('INVALID_ARGUMENT', `dtype is 'fp16' or 'int8', not '${dtype}'.`);
  }
  const folder = resolve(outFolder);
  const obstacle = force ? undefined : await folderObstacle(folder);
  if (obstacle) throw new VitreousError('INVALID_ARGUMENT', `${obstacle} Use another folder, or force.`);
  const module = await startModule();
  const finder: Pick<Backend, 'find'> = {
    find: async (request, access, options) => find(request, await nodeFiles(access, options.signal), access),
  };
  const found = await findWeights(host, finder, name, {
    ...(weights !== undefined && { weights }),
    ...(signal && { signal }),
  });
  const entry = findEntry(name, found.hub);
  const config = found.hub?.json ?? hubJson(entry, name);
  const out = await ModelFolderWriter.create(folder);
  try {
    const text = (lines: string) => new TextEncoder().encode(`${lines}\n`);
    await out.write('config.json', text(JSON.stringify(config, null, 2)));
    const labels = await found.labels();
    if (labels.length > 0) await out.write('labels.txt', text(labels.join('\n')));
    const sources = await openWeights(found.weights, found.access, signal);
    const converter = new module.Converter(resolveConfig(entry, name, found.hub, {}), {
      int8: dtype === 'int8',
      config: JSON.stringify(config),
      files: sources.length,
    });
    for await (const { offset, bytes } of convertedPieces(converter, sources, signal)) {
      await out.write('model.safetensors', bytes, offset);
    }
    await out.commit();
  } catch (error) {
    await out.discard();
    throw toVitreousError(error);
  }
}

/** The new file in pieces, as they are made; the reading goes on when one has been written. */
async function* convertedPieces(
  converter: GlueConverter,
  sources: ByteSource[],
  signal: AbortSignal | undefined,
): AsyncGenerator<GluePiece> {
  let outcome: Outcome = 'stopped';
  try {
    for (const source of sources) {
      converter.beginFile(source.size ?? -1, false);
      for await (const piece of source.bytes()) {
        throwIfAborted(signal);
        converter.push(piece);
        yield* converter.take();
      }
      throwIfAborted(signal);
      converter.endFile();
    }
    converter.finish();
    yield* converter.take();
    outcome = 'accepted';
  } finally {
    for (const source of sources) await source.settle?.(outcome);
    converter.delete();
  }
}

/** A config.json in timm-hub layout for a checkpoint that came without: all follows from the architecture. */
function hubJson({ config, data }: ModelEntry, name: string): object {
  const [architecture, tag = ''] = name.split('.');
  return {
    architecture,
    num_classes: config.numClasses,
    num_features: config.dim,
    global_pool: 'token',
    pretrained_cfg: {
      tag,
      input_size: data.inputSize,
      fixed_input_size: true,
      interpolation: data.interpolation,
      crop_pct: data.cropPct,
      crop_mode: data.cropMode,
      mean: data.mean,
      std: data.std,
      num_classes: config.numClasses,
      first_conv: 'patch_embed.proj',
      classifier: 'head',
    },
  };
}

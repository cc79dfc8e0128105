import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { type ImportFiles, importIndex, openImport } from 'vitreous/export';
import { ImageIndex } from 'vitreous/search';
import type { Flags } from '../cli.js';
import { openModel, UsageError } from './model.js';
import { untilStopped } from './stop.js';

/** `vitreous import FILE… -o INDEX` */
export async function importCommand(paths: string[], flags: Flags): Promise<number> {
  const { output, metric, replace = false } = flags;
  if (output === undefined) throw new UsageError('vitreous import needs -o INDEX: where it goes.');
  if (metric !== undefined && metric !== 'cosine' && metric !== 'dot')
    throw new UsageError(`--metric is cosine or dot, not ${metric}.`);
  const files = await filesOf(paths);
  return untilStopped(async (signal) => {
    const source = await openImport(files);
    using model = flags.model === undefined ? undefined : await openModel(flags, { signal });
    const index = await ImageIndex.open({
      path: output,
      signal,
      // Of no entry the length is not known; an index that is there knows its own.
      ...(source.dim > 0 && { dim: source.dim }),
      ...(metric && { metric }),
      ...(model && { model }),
    });
    try {
      const count = await importIndex(index, source, { replace, signal });
      process.stderr.write(`${count} entries came into ${output}, which has ${index.size} now\n`);
      return 0;
    } finally {
      await index.close();
    }
  });
}

async function filesOf(paths: string[]): Promise<ImportFiles> {
  const ending = (end: string) => paths.filter((path) => path.endsWith(end));
  const [parquet, npy, jsonl] = [ending('.parquet'), ending('.npy'), ending('.jsonl')];
  const [first, second] = parquet.length > 0 ? [parquet[0]] : [npy[0], jsonl[0]];
  if (first !== undefined && second === undefined && parquet.length === 1 && paths.length === 1)
    return { parquet: await open(first) };
  if (first !== undefined && second !== undefined && paths.length === 2)
    return { npy: await open(first), jsonl: await open(second) };
  throw new UsageError('vitreous import takes one .parquet, or one .npy and one .jsonl.');
}

/** Read as far as it is asked for, not as a whole. */
async function open(path: string): Promise<Blob> {
  try {
    return Object.assign(await openAsBlob(path), { name: basename(path) });
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}.`);
  }
}

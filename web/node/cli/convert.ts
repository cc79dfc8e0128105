import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertModel, cosineSimilarity, createModel, type Dtype } from 'vitreous';
import type { Flags } from '../cli.js';
import { folderObstacle } from '../model_folder.js';
import { count, findModel, print, UsageError } from './model.js';
import { untilStopped } from './stop.js';

const MIN_COSINE = 0.999;
const OWN_PHOTOS = fileURLToPath(new URL('./photos/', import.meta.url));

type FoundModel = Awaited<ReturnType<typeof findModel>>;

/** `vitreous convert IN OUT --dtype fp16|int8`; what follows `--photos` beyond its first FILE are arguments too. */
export async function convert([from, to, ...more]: string[], flags: Flags): Promise<number> {
  const { dtype, photos = [], force = false } = flags;
  if (from === undefined || to === undefined)
    throw new UsageError('vitreous convert takes a model IN and a folder OUT.');
  if (dtype !== 'fp16' && dtype !== 'int8')
    throw new UsageError(`vitreous convert takes --dtype fp16 or int8${dtype ? `, not ${dtype}` : ''}.`);
  if (flags.model !== undefined)
    throw new UsageError('vitreous convert has no option --model: IN is the model.');
  if (more.length > 0 && photos.length === 0)
    throw new UsageError(`vitreous convert takes one IN and one OUT; what is ${more[0]}?`);
  const original = await findModel(from, flags.arch);
  await checkFolder(from, to, force);
  const files = photos.length > 0 ? [...photos, ...more] : await ownPhotos();
  const threads = flags.threads ? { threads: count('--threads', flags.threads) } : {};

  return untilStopped(async (signal) => {
    const embed = async ({ name, weights }: FoundModel, modelDtype: Dtype) => {
      using model = await createModel(name, {
        ...(weights && { weights }),
        ...threads,
        dtype: modelDtype,
        signal,
      });
      const embeddings: Float32Array[] = [];
      for (const file of files) embeddings.push(await model.embed(file, { signal }));
      return embeddings;
    };
    // Before anything is written: a bad checkpoint or photo shows here.
    const expected = await embed(original, 'fp32');
    const { name, weights } = original;
    await convertModel(name, to, { ...(weights && { weights }), dtype, force, signal });
    const embeddings = await embed(await findModel(to, undefined), dtype === 'int8' ? 'int8' : 'fp32');
    return await report(
      files,
      embeddings.map((own, i) => cosineSimilarity(own, expected[i] as Float32Array)),
      [
        ['from', await fileOf(original)],
        ['to', join(to, 'model.safetensors')],
      ],
    );
  });
}

async function checkFolder(from: string, to: string, force: boolean): Promise<void> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const input = await real(from);
  if (input !== undefined && [await real(to), await real(join(to, 'model.safetensors'))].includes(input))
    throw new UsageError('IN and OUT are the same: the original would be lost.');
  const obstacle = force ? undefined : await folderObstacle(to);
  if (obstacle) throw new UsageError(`${obstacle} Use another folder, or --force.`);
}

async function ownPhotos(): Promise<string[]> {
  const names = await readdir(OWN_PHOTOS);
  return names.sort().map((name) => join(OWN_PHOTOS, name));
}

/** The checkpoint on this machine; undefined for a NAME. */
async function fileOf({ weights }: FoundModel): Promise<string | undefined> {
  if (weights === undefined) return undefined;
  return (await stat(weights)).isDirectory() ? join(weights, 'model.safetensors') : weights;
}

async function report(
  photos: string[],
  cosines: number[],
  files: [string, string | undefined][],
): Promise<number> {
  for (const [i, photo] of photos.entries()) await print(`${cosines[i]?.toFixed(6)}  ${photo}\n`);
  const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
  await print(`${mean.toFixed(6)}  mean cosine to the original\n`);
  for (const [what, file] of files) {
    if (file === undefined) continue;
    const { size } = await stat(file);
    await print(`${what.padEnd(4)}  ${(size / 1e6).toFixed(1)} MB  ${file}\n`);
  }
  if (mean >= MIN_COSINE) return 0;
  process.stderr.write(
    `vitreous: the mean cosine is below ${MIN_COSINE}: this model loses too much by it. Use fp16, or keep the original.\n`,
  );
  return 1;
}

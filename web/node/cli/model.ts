import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CreateModelOptions, createModel, type PreprocessName, type VisionTransformer } from 'vitreous';
import { parseJson } from '../../weights/find.js';
import { hubModelName } from '../../weights/hub.js';
import type { Flags } from '../cli.js';
import { embeddedConfig } from '../metadata.js';

/** A command line that makes no sense. */
export class UsageError extends Error {}

export const DEFAULT_MODEL = 'vit_nano_patch16_224';

/** `--model NAME|DIR|FILE`, `--arch NAME`, `--dtype`, `--threads`, `--img-size`, `--preprocess`. */
export async function openModel(flags: Flags, options: CreateModelOptions = {}): Promise<VisionTransformer> {
  const { model = DEFAULT_MODEL, arch, dtype, threads, preprocess } = flags;
  const imgSize = flags['img-size'];
  if (dtype !== undefined && dtype !== 'fp32' && dtype !== 'int8') {
    throw new UsageError(`--dtype is fp32 or int8, not ${dtype}.`);
  }
  const all: CreateModelOptions = {
    ...options,
    ...(dtype && { dtype }),
    ...(threads && { threads: count('--threads', threads) }),
    ...(imgSize && { imgSize: sides(imgSize) }),
    ...(preprocess && { preprocess: preprocess as PreprocessName }), // createModel knows the names
  };

  const { name, weights } = await findModel(model, arch);
  return createModel(name, { ...all, ...(weights && { weights }) });
}

/** What `NAME|DIR|FILE|URL` and `--arch` say, for createModel; `weights` is the path or address, if it is one. */
export async function findModel(
  model: string,
  arch: string | undefined,
): Promise<{ name: string; weights?: string }> {
  if (/^https?:/.test(model)) {
    if (arch === undefined)
      throw new UsageError(`${model} is an address: say the architecture with --arch NAME.`);
    return { name: arch, weights: model };
  }
  const found = await stat(model).catch(() => undefined);
  if (found === undefined) {
    // One slash is an owner's on the hub, unless it begins a path.
    if (/^[./~]|\\|\/.*\/|\.(safetensors|pth|pt|bin)$/.test(model))
      throw new UsageError(`${model}: there is no such file or folder.`);
    if (arch !== undefined && arch !== model)
      throw new UsageError('--arch goes with a checkpoint FILE, not with a NAME.');
    return { name: model };
  }
  if (found.isDirectory()) {
    const config = join(model, 'config.json');
    const text = await readFile(config, 'utf8').catch(() => {
      throw new UsageError(`${model}: the folder has no config.json, so it is not in timm-hub layout.`);
    });
    return { name: arch ?? hubModelName(parseJson(text, config), config), weights: model };
  }
  if (arch !== undefined) return { name: arch, weights: model };
  const config = await embeddedConfig(model);
  if (config === undefined)
    throw new UsageError(`${model} is a file: say its architecture with --arch NAME.`);
  return { name: hubModelName(config, model), weights: model };
}

/** `N` or `HEIGHTxWIDTH`. */
function sides(text: string): [number, number] {
  const [, height, width = height] = /^(\d+)(?:x(\d+))?$/.exec(text) ?? [];
  if (height === undefined)
    throw new UsageError(`--img-size takes a number of pixels or HEIGHTxWIDTH, not ${text}.`);
  return [Number(height), Number(width)];
}

/** A whole number from 1 on. */
export function count(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`${flag} takes a whole number from 1 on, not ${text}.`);
  return Number(text);
}

/** Runs `work` on each file in turn; one that fails is reported and the others go on. Returns the exit status. */
export async function eachFile(files: string[], work: (file: string) => Promise<void>): Promise<number> {
  if (files.length === 0) throw new UsageError('No image was given.');
  let status = 0;
  for (const file of files) {
    try {
      await work(file);
    } catch (error) {
      status = complain(error);
    }
  }
  return status;
}

/** Says on stderr what failed. Returns the exit status for it. */
export function complain(error: unknown): number {
  const { message, code } = error as { message: string; code?: string };
  process.stderr.write(`vitreous: ${message}${code ? ` [${code}]` : ''}\n`);
  return 1;
}

/** Writes to the standard output and waits while its reader is slower. */
export async function print(text: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}

import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelFolder } from '../create.js';
import type { ByteSource } from '../engine/engine.js';
import { VitreousError } from '../errors.js';
import type { Weights } from '../types.js';
import { chunks } from '../weights/chunks.js';
import { fetchWeights } from '../weights/fetch.js';
import { fetchFolder, parseJson } from '../weights/folder.js';
import { embeddedConfig } from './metadata.js';

const isRemote = (weights: string | URL) => /^https?:/.test(String(weights));
const toPath = (weights: string | URL) =>
  String(weights).startsWith('file:') ? fileURLToPath(weights) : String(weights);

/** A checkpoint from a URL, a path, or what is in memory. */
export async function openWeights(
  weights: Weights,
  signal: AbortSignal | undefined,
): Promise<ByteSource & { total?: number | undefined }> {
  if (typeof weights !== 'string' && !(weights instanceof URL)) return chunks(weights);
  if (isRemote(weights)) return fetchWeights(String(weights), { cache: true, signal });
  const path = toPath(weights);
  const { size } = await statOf(path);
  return { bytes: createReadStream(path, { highWaterMark: 1 << 20 }), size };
}

/**
 * A local folder, or a URL whose last part has no extension, in timm-hub layout; or a local file that carries its
 * config.json.
 */
export async function openFolder(
  weights: string | URL,
  signal: AbortSignal | undefined,
): Promise<ModelFolder | undefined> {
  if (isRemote(weights)) return fetchFolder(new URL(weights), signal);
  const path = toPath(weights);
  if (!(await statOf(path)).isDirectory()) {
    const embedded = await embeddedConfig(path);
    return embedded === undefined ? undefined : { config: embedded, labels: undefined, weights: path };
  }
  const config = join(path, 'config.json');
  const text = await readFile(config, 'utf8').catch((cause) => {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `${path} has no config.json: it is not a folder in timm-hub layout.`,
      {
        cause,
      },
    );
  });
  const labels = await readFile(join(path, 'labels.txt'), 'utf8').catch(() => undefined);
  return { config: parseJson(text, config), labels, weights: join(path, 'model.safetensors') };
}

async function statOf(path: string) {
  return stat(path).catch((cause) => {
    throw new VitreousError('INVALID_ARGUMENT', `There is no file or folder ${path}.`, { cause });
  });
}

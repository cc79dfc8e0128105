import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Flags } from '../cli.js';
import { eachFile, openModel, print, UsageError } from './model.js';
import { npyHeader } from '../../search/npy.js';

/** `vitreous embed FILE…` */
export async function embed(files: string[], flags: Flags): Promise<number> {
  const { normalize = false, format = 'jsonl', output } = flags;
  if (format !== 'jsonl' && format !== 'npy')
    throw new UsageError(`--format is jsonl or npy, not ${format}.`);
  if (files.length === 0) throw new UsageError('No image was given.');
  using model = await openModel(flags);
  const out = await openOutput(output);
  try {
    // The shape comes first in an .npy file, so its rows wait until it is known which images could be read.
    const rows: Float32Array[] = [];
    const status = await eachFile(files, async (file) => {
      const embedding = await model.embed(file, { normalize });
      if (format === 'npy') rows.push(embedding);
      else
        await out.write(
          `${JSON.stringify({ file, dim: embedding.length, embedding: Array.from(embedding) })}\n`,
        );
    });
    if (format === 'npy') {
      await out.write(npyHeader([rows.length, model.config.dim]));
      for (const row of rows) await out.write(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    }
    await out.close();
    return status;
  } catch (error) {
    await out.discard();
    throw error;
  }
}

/** A file appears under its name only when it is whole. */
async function openOutput(path: string | undefined) {
  if (path === undefined) return { write: print, close: async () => {}, discard: async () => {} };
  const part = `${path}.part`;
  let handle: FileHandle;
  try {
    handle = await open(part, 'w');
  } catch (error) {
    throw new UsageError(`--output ${path} cannot be written: ${(error as Error).message}.`);
  }
  return {
    write: async (data: string | Uint8Array) => {
      await handle.writeFile(data);
    },
    async close() {
      await handle.close();
      await rename(part, path);
    },
    async discard() {
      await handle.close();
      await rm(part, { force: true });
    },
  };
}

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { print, UsageError } from './model.js';

/** `-o FILE`, or the standard output. A file appears under its name only when it is whole. */
export async function openOutput(path: string | undefined) {
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

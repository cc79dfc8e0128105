import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPORT_FORMATS, type ExportedFile, type ExportFormat, exportIndex } from 'vitreous/export';
import { ImageIndex } from 'vitreous/search';
import type { Flags } from '../cli.js';
import { UsageError } from './model.js';
import { openOutput } from './output.js';
import { untilStopped } from './stop.js';

/** `vitreous export INDEX --format npy|parquet|pgvector|qdrant [-o PATH]` */
export async function exportCommand([path, ...rest]: string[], flags: Flags): Promise<number> {
  const { output, table } = flags;
  const format = flags.format as ExportFormat;
  if (path === undefined || rest.length > 0) throw new UsageError('vitreous export takes one INDEX.');
  if (!EXPORT_FORMATS.includes(format))
    throw new UsageError(`vitreous export takes --format ${EXPORT_FORMATS.join(', ')}.`);
  if (table !== undefined && format !== 'pgvector')
    throw new UsageError('--table goes with --format pgvector.');
  return untilStopped(async (signal) => {
    const index = await ImageIndex.open({ path, readOnly: true, signal });
    try {
      const files = exportIndex(index, format, { signal, ...(table !== undefined && { table }) });
      const [only, second] = files;
      if (second === undefined) await write(only as ExportedFile, output);
      else {
        if (output === undefined)
          throw new UsageError(`--format ${format} is two files and needs -o, the folder for them.`);
        await mkdir(output, { recursive: true }).catch((error) => {
          throw new UsageError(`--output ${output} cannot be made: ${error.message}.`);
        });
        for (const file of files) await write(file, join(output, file.name));
      }
      return 0;
    } finally {
      await index.close();
    }
  });
}

async function write(file: ExportedFile, path: string | undefined): Promise<void> {
  const out = await openOutput(path);
  try {
    for await (const bytes of file) await out.write(bytes);
    await out.close();
  } catch (error) {
    await out.discard();
    throw error;
  }
}

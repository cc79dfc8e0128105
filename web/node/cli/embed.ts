import { toVitreousError } from '../../errors.js';
import { npyHeader } from '../../search/npy.js';
import type { Flags } from '../cli.js';
import { complain, openModel, UsageError } from './model.js';
import { openOutput } from './output.js';
import { namesIn } from './stdin.js';

/** `vitreous embed FILE…`; a FILE `-` stands for the names that come by the standard input. */
export async function embed(files: string[], flags: Flags): Promise<number> {
  const { normalize = false, format = 'jsonl', output, null: nul = false } = flags;
  const inline = flags['errors-inline'] ?? false;
  if (format !== 'jsonl' && format !== 'npy')
    throw new UsageError(`--format is jsonl or npy, not ${format}.`);
  if (inline && format !== 'jsonl') throw new UsageError('--errors-inline goes with --format jsonl.');
  if (files.length === 0) throw new UsageError('No image was given.');
  using model = await openModel(flags);
  const out = await openOutput(output);
  try {
    // The shape comes first in an .npy file, so its rows wait until it is known which images could be read.
    const rows: Float32Array[] = [];
    let status = 0;
    for await (const file of namesIn(files, nul ? '\0' : '\n')) {
      let embedding: Float32Array;
      try {
        embedding = await model.embed(file, { normalize });
      } catch (error) {
        const { code, message } = toVitreousError(error);
        if (inline) await out.write(line({ file, error: { code, message } }));
        else status = complain(error);
        continue;
      }
      if (format === 'npy') rows.push(embedding);
      else await out.write(line({ file, dim: embedding.length, embedding: Array.from(embedding) }));
    }
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

const line = (value: object) => `${JSON.stringify(value)}\n`;

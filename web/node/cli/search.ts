import { ImageIndex } from 'vitreous/search';
import type { Flags } from '../cli.js';
import { count, openModel, print, UsageError } from './model.js';

/** `vitreous search FILE IMAGE` */
export async function search([file, image, ...rest]: string[], flags: Flags): Promise<number> {
  const k = count('-k', flags.k ?? '10');
  if (file === undefined || image === undefined || rest.length > 0)
    throw new UsageError('vitreous search takes the FILE of an index and one IMAGE.');
  using model = await openModel(flags);
  const index = await ImageIndex.open({ path: file, model, readOnly: true });
  try {
    for (const { id, score } of await index.search(image, { k }))
      await print(flags.json ? `${JSON.stringify({ file: id, score })}\n` : `${score.toFixed(4)}  ${id}\n`);
    return 0;
  } finally {
    await index.close();
  }
}

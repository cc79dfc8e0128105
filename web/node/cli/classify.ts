import type { Flags } from '../cli.js';
import { count, eachFile, openModel, print, UsageError } from './model.js';

/** `vitreous classify FILE…` */
export async function classify(files: string[], flags: Flags): Promise<number> {
  const topk = count('-k', flags.k ?? '5');
  if (files.length === 0) throw new UsageError('No image was given.');
  using model = await openModel(flags, flags.head ? { head: flags.head } : {});
  return await eachFile(files, async (file) => {
    const classes = await model.classify(file, { topk });
    if (flags.json) {
      await print(`${JSON.stringify({ file, classes })}\n`);
      return;
    }
    const lines = classes.map(
      ({ index, label, probability }) =>
        `  ${(100 * probability).toFixed(1).padStart(5)} %  ${label ?? `class ${index}`}\n`,
    );
    await print(`${file}\n${lines.join('')}`);
  });
}

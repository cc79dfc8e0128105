import { ImageIndex, indexFolder } from 'vitreous/search';
import type { Flags } from '../cli.js';
import { count, openModel, UsageError } from './model.js';
import { untilStopped } from './stop.js';

/** `vitreous index DIR… -o FILE` */
export async function index(folders: string[], flags: Flags): Promise<number> {
  const { output } = flags;
  if (folders.length === 0) throw new UsageError('No folder was given.');
  if (output === undefined)
    throw new UsageError('vitreous index needs -o FILE: where the index is, or goes.');
  // Who says how many threads wants one process with them.
  const { processes = flags.threads === undefined ? 'auto' : '1' } = flags;
  const several = processes === 'auto' ? processes : count('--processes', processes);
  return untilStopped(async (signal) => {
    using model = await openModel(flags, { signal });
    const found = await ImageIndex.open({ path: output, model, signal });
    try {
      const progress = progressLine();
      const result = await indexFolder(found, folders, {
        signal,
        onProgress: progress.show,
        processes: several,
      });
      progress.end();
      for (const message of result.restarts) process.stderr.write(`vitreous: ${message}\n`);
      for (const { error } of result.failed)
        process.stderr.write(`vitreous: ${error.message} [${error.code}]\n`);
      const { added, updated, unchanged, removed, failed } = result;
      process.stderr.write(
        `${found.size} images in ${output}: ${added} added, ${updated} updated, ${unchanged} unchanged, ${removed} removed, ${failed.length} unreadable\n`,
      );
      return failed.length > 0 ? 1 : 0;
    } finally {
      await found.close();
    }
  });
}

/** One line that is written over, where there is a terminal. */
function progressLine() {
  let width = 0;
  const write = (text: string) => {
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r${text.padEnd(width)}`);
    width = text.length;
  };
  return {
    show({
      done,
      total,
      remainingSeconds,
    }: {
      done: number;
      total?: number | undefined;
      remainingSeconds?: number | undefined;
    }) {
      const left = remainingSeconds === undefined ? '' : `, ${Math.ceil(remainingSeconds)} s left`;
      write(`${done} of ${total ?? 'unknown'} images${left}`);
    },
    end() {
      write('');
      if (width === 0 && process.stderr.isTTY) process.stderr.write('\r');
    },
  };
}

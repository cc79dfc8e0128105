import { constants } from 'node:os';
import { toVitreousError } from '../../errors.js';

/** Runs `work` until Ctrl-C or a SIGTERM stops it in good order. Returns the exit status. */
export async function untilStopped(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopped = new AbortController();
  let status = 0;
  const stop = (name: 'SIGINT' | 'SIGTERM') => {
    status = 128 + constants.signals[name];
    stopped.abort();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(stopped.signal);
  } catch (error) {
    if (status === 0 || toVitreousError(error).code !== 'ABORTED') throw error;
    process.stderr.write('vitreous: stopped.\n');
    return status;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

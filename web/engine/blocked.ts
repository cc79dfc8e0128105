// Firefox may block a worker for ever where it starts another, as an engine with threads does, most often where several
// engines start at once: the worker cannot notice that itself, and its page must.
import { VitreousError } from '../errors.js';

// A worker is there within milliseconds. The next engine's threads most likely come.
const SECONDS = 3;
const TRIES = 3;

/** The worker was ended, as it never came back from starting its threads. */
export class ThreadsBlocked extends VitreousError {}

let tries = 0;

/** Why engines of this page ask for no threads any more. */
export const blockedBefore = (): string | undefined =>
  tries < TRIES ? undefined : `${TRIES} times this browser let no worker start another in ${SECONDS} s`;

/** Calls `onBlocked` unless what it returns is called soon. A page that sleeps does not count. */
export function watchThreads(onBlocked: (error: ThreadsBlocked) => void): () => void {
  let seconds = 0;
  const clock = setInterval(() => {
    if (++seconds < SECONDS) return;
    clearInterval(clock);
    tries++;
    onBlocked(new ThreadsBlocked('WORKER_FAILED', 'A worker could not start another.'));
  }, 1000);
  return () => clearInterval(clock);
}

// Firefox may block a worker for ever where it starts another, as an engine with threads does: the worker cannot notice that
// itself, and its page must.
import { VitreousError } from '../errors.js';

/** More than the worker itself waits for threads that were started and do not answer. */
const SECONDS = 15;

/** The worker was ended, as it never came back from starting its threads. */
export class ThreadsBlocked extends VitreousError {}

let blocked: ThreadsBlocked | undefined;

/** Why engines of this page ask for no threads any more. */
export const blockedBefore = (): string | undefined => blocked?.message;

/** Calls `onBlocked` unless what it returns is called soon. A page that sleeps does not count. */
export function watchThreads(onBlocked: (error: ThreadsBlocked) => void): () => void {
  let seconds = 0;
  const clock = setInterval(() => {
    if (++seconds < SECONDS) return;
    clearInterval(clock);
    blocked = new ThreadsBlocked('WORKER_FAILED', `this browser let no worker start another in ${SECONDS} s`);
    onBlocked(blocked);
  }, 1000);
  return () => clearInterval(clock);
}

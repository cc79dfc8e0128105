import { abortError } from '../errors.js';
import type { Store } from './store.js';

/** The browser's locks: among all tabs and workers of the origin, let go when their holder dies. */
export const webLock: Store['lock'] = (key, mode, { wait, signal }) => {
  const { locks } = navigator;
  if (locks === undefined) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    // The browser does not take a signal together with ifAvailable.
    const options: LockOptions = wait ? { mode, ...(signal && { signal }) } : { mode, ifAvailable: true };
    locks
      .request(`vitreous:${key}`, options, (lock) => {
        if (lock === null) return resolve(undefined);
        return new Promise<void>((release) => resolve(release));
      })
      .catch((error) => reject(signal?.aborted ? abortError(signal) : error));
  });
};

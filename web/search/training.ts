// The approximate index is built in steps of some milliseconds, and the engine does between them what else it is asked for.
import type { Rows } from './rows.js';

/** @param rows - gives them before each step, or throws to stop it */
export async function trainInSteps(rows: () => Rows): Promise<void> {
  while (!(await rows().vectors.trainStep())) {
    // A worker has its messages between the steps; this thread gets its events.
    if (!rows().engine.worker) await new Promise((resolve) => setTimeout(resolve));
  }
}

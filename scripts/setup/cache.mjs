// The folder where everything that is fetched once stays: toolchain, sources, logs.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The cache folder: $VITREOUS_BUILD_CACHE, else vitreous-build in the user's cache folder. */
export function cacheDir(env = process.env) {
  return env.VITREOUS_BUILD_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vitreous-build');
}

/**
 * Makes the file or folder `target` with `fill(temporary path)` and moves it into place only when it is whole, so
 * that what exists can be trusted. Does nothing when `target` exists.
 */
export async function makeOnce(target, fill) {
  if (existsSync(target)) return target;
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(dirname(target), { recursive: true });
  try {
    await fill(temporary);
    await rename(temporary, target);
  } catch (error) {
    // A second run beside this one may have been first; its result is as good as ours.
    if (!existsSync(target)) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

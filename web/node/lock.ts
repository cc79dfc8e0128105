// A lock among processes: a file that names its holder. A killed one leaves it behind, so it is looked at whether the
// holder lives.
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { sleep } from '../weights/request.js';

const POLL_MS = 100;
const BEAT_MS = 5_000;
/** Without a beat for so long a holder on another machine, or one whose number another process has now, is gone. */
const DEAD_MS = 30_000;

export async function fileLock(
  path: string,
  { wait, signal }: { wait: boolean; signal?: AbortSignal | undefined },
): Promise<(() => void) | undefined> {
  const own = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  for (;;) {
    try {
      await writeFile(path, own, { flag: 'wx' });
      return hold(path, own);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await removeStale(path)) continue;
    if (!wait) return undefined;
    await sleep(POLL_MS * (0.5 + Math.random()), signal);
  }
}

function hold(path: string, own: string): () => void {
  const beat = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), BEAT_MS).unref();
  return () => {
    clearInterval(beat);
    try {
      if (readFileSync(path, 'utf8') === own) rmSync(path);
    } catch {
      // Somebody took it for stale: this process was stopped for long.
    }
  };
}

/** Removes the lock of a holder that is gone. Returns whether the lock may be free now. */
async function removeStale(path: string): Promise<boolean> {
  try {
    const text = await readFile(path, 'utf8');
    const { mtimeMs } = await stat(path);
    if (isAlive(text) && Date.now() - mtimeMs < DEAD_MS) return false;
    // Renaming succeeds for one only of several that see it; it must still be the file that was judged.
    const taken = `${path}.${randomUUID()}`;
    await rename(path, taken);
    const same = (await readFile(taken, 'utf8')) === text;
    if (!same) await writeFile(path, await readFile(taken, 'utf8'), { flag: 'wx' }).catch(() => {});
    await rm(taken, { force: true });
    return same;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

function isAlive(text: string): boolean {
  if (text === '') return true; // just made, not yet written
  try {
    const { pid, host } = JSON.parse(text);
    if (host !== hostname()) return true; // only its beat can tell
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

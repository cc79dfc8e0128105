// Third-party sources: an archive fetched, unpacked, held against the pinned digest of its content.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SetupError, say } from './log.mjs';
import { run } from './run.mjs';

const REACH_TIMEOUT_MS = 4000;
const DOWNLOAD_TIMEOUT_MS = 300_000;

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

const reached = new Map();
/** Whether anything answers at this origin, within a few seconds; asked once a process. */
export function reachable(origin) {
  if (!reached.has(origin)) {
    const answer = fetch(origin, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(REACH_TIMEOUT_MS),
    });
    reached.set(
      origin,
      answer.then(
        () => true,
        () => false,
      ),
    );
  }
  return reached.get(origin);
}

/** Fetches a URL to a file; false when that fails, for whatever reason. */
export async function download(url, file) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
    return true;
  } catch (error) {
    say(`      ${url}: ${error.cause?.message ?? error.message}`);
    return false;
  }
}

/** SHA-256 over the sorted lines `path NUL sha256(file)` of all files under `dir`: the content, however packed. */
export async function treeDigest(dir) {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry) => {
        const path = join(entry.parentPath ?? entry.path, entry.name);
        const content = entry.isSymbolicLink() ? await readlink(path) : await readFile(path);
        return `${path.slice(dir.length + 1)}\0${sha256(content)}`;
      }),
  );
  return sha256(lines.sort().join('\n'));
}

/**
 * Unpacks a tar archive to the new folder `target`, without its top folder where it has one, leaving only the top
 * level names in `keep`.
 * @param {string} digest the expected treeDigest of what is left; anything else is an error and leaves nothing
 */
export async function unpack(archive, target, { keep, digest }) {
  const whole = `${target}.whole`;
  try {
    await mkdir(whole, { recursive: true });
    await run('tar', ['xf', archive, '-C', whole], { title: `Unpack ${archive.split('/').pop()}` });
    const names = await readdir(whole);
    await rename(names.length === 1 ? join(whole, names[0]) : whole, target);
    for (const name of await readdir(target)) {
      if (!keep.includes(name)) await rm(join(target, name), { recursive: true });
    }
    const found = await treeDigest(target);
    if (found !== digest) {
      await rm(target, { recursive: true });
      await rm(archive);
      throw new SetupError(
        `The content of ${archive} is not the pinned one; it was removed.\n  expected ${digest}\n  found    ${found}`,
      );
    }
  } finally {
    await rm(whole, { recursive: true, force: true });
  }
}

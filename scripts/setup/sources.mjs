// The third-party sources the engine is built from, pinned in sources.json, never committed.
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { download, reachable, unpack } from './archive.mjs';
import { cacheDir, makeOnce } from './cache.mjs';
import { debianMirror, fetchDebianSource } from './debian.mjs';
import { SetupError, step } from './log.mjs';

const UPSTREAM = 'https://github.com';
const { sources } = JSON.parse(readFileSync(new URL('sources.json', import.meta.url), 'utf8'));

const unavailable = (name) =>
  `The source of ${name} cannot be fetched: ${UPSTREAM} does not answer, and this is no Debian that has it.\n` +
  'Run this again where one of the two is the case; what is fetched stays in the cache folder, which can be copied:\n' +
  `  ${sourceDir(name)}`;

/** Unpacks one pinned source to the new folder `target`: from upstream, else from Debian, which has the same files. */
export async function fetchSource(name, target) {
  const { repository, commit, debian, ...content } = sources[name];
  const dir = join(cacheDir(), 'archives');
  await mkdir(dir, { recursive: true });
  const archive = join(dir, `${name}.${process.pid}.tar`);
  const mirror = debianMirror();
  try {
    const fromUpstream =
      (await reachable(UPSTREAM)) &&
      (await download(`${UPSTREAM}/${repository}/archive/${commit}.tar.gz`, archive));
    if (!fromUpstream) {
      if (!debian || !mirror) throw new SetupError(unavailable(name));
      await fetchDebianSource(mirror, debian.package, debian.sha256, archive);
    }
    await unpack(archive, target, content);
  } finally {
    await rm(archive, { force: true });
  }
}

/** Where a source lies once it is fetched. */
export const sourceDir = (name) =>
  join(cacheDir(), 'sources', `${name}-${sources[name].commit.slice(0, 12)}`);

/** Fetches what is missing of the sources. Returns the folder of each: `{ xnnpack, pthreadpool, … }`. */
export async function ensureSources() {
  const folders = {};
  for (const name of Object.keys(sources).filter((name) => !sources[name].tool)) {
    folders[name] = await makeOnce(sourceDir(name), (target) =>
      step(`Fetch the source of ${name}`, () => fetchSource(name, target)),
    );
  }
  return folders;
}

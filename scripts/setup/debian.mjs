// Debian as a source of tools and of third-party sources, from the machine's own mirror.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir } from './cache.mjs';
import { SetupError } from './log.mjs';
import { capture, run } from './run.mjs';

/** The release that has the pinned Emscripten and third-party sources. */
export const RELEASE = 'trixie';
const HELPER = '/usr/lib/apt/apt-helper';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The entries `{ uri, suite }` of one apt source file, either format, whose component is main. */
export function parseSources(text, deb822) {
  if (!deb822) {
    return [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s+(.*)$/gm)]
      .filter(([, , , components]) => components.split(/\s+/).includes('main'))
      .map(([, uri, suite]) => ({ uri, suite }));
  }
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const words = (name) =>
      (stanza.match(new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t]+.*)*)`, 'im'))?.[1] ?? '')
        .trim()
        .split(/\s+/);
    if (
      !words('Types').includes('deb') ||
      !words('Components').includes('main') ||
      words('Enabled')[0] === 'no'
    )
      return [];
    return words('URIs').flatMap((uri) => words('Suites').map((suite) => ({ uri, suite })));
  });
}

/** The machine's Debian mirror and release `{ uri, suite }`, or null where there is none. */
export function debianMirror(root = '/') {
  const osRelease = join(root, 'etc/os-release');
  if (!existsSync(osRelease) || !/^ID=debian$/m.test(readFileSync(osRelease, 'utf8'))) return null;
  const apt = join(root, 'etc/apt');
  const parts = join(apt, 'sources.list.d');
  const files = existsSync(parts)
    ? readdirSync(parts)
        .sort()
        .map((name) => join(parts, name))
    : [];
  return (
    [join(apt, 'sources.list'), ...files]
      .filter((file) => existsSync(file) && /\.(list|sources)$/.test(file))
      .flatMap((file) => parseSources(readFileSync(file, 'utf8'), file.endsWith('.sources')))
      // Not the entries for updates and security (another path, the same machine), nor other vendors' archives.
      .find(({ uri, suite }) => /\/debian\/?$/.test(uri) && /^[a-z]+$/.test(suite)) ?? null
  );
}

/**
 * Options for apt with the machine's release and trixie in lists of our own: the machine's own apt set-up is not
 * touched, and trixie counts only where it is asked for by name. Works without root for everything but installing.
 */
async function privateApt(mirror) {
  const dir = join(cacheDir(), 'apt');
  const paths = {
    lists: join(dir, 'lists'),
    cache: join(dir, 'cache'),
    sources: join(dir, 'all.sources'),
    pin: join(dir, 'pin'),
  };
  await mkdir(join(paths.lists, 'partial'), { recursive: true });
  await mkdir(join(paths.cache, 'archives/partial'), { recursive: true });
  const signedBy = existsSync(KEYRING) ? `Signed-By: ${KEYRING}\n` : '';
  const suites = [...new Set([mirror.suite, RELEASE])].join(' ');
  await writeFile(
    paths.sources,
    `Types: deb deb-src\nURIs: ${mirror.uri}\nSuites: ${suites}\nComponents: main\n${signedBy}`,
  );
  await writeFile(
    paths.pin,
    mirror.suite === RELEASE ? '' : `Package: *\nPin: release n=${RELEASE}\nPin-Priority: 100\n`,
  );
  return [
    ['Dir::Etc::sourcelist', paths.sources],
    ['Dir::Etc::sourceparts', '/dev/null'],
    ['Dir::Etc::preferences', paths.pin],
    ['Dir::State::Lists', paths.lists],
    ['Dir::Cache', paths.cache],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
    ['Acquire::Retries', '3'],
    ['DPkg::Lock::Timeout', '300'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

let updated;
/** Fetches the private lists, once a process; returns apt's options. */
function updatedApt(mirror) {
  updated ??= (async () => {
    const options = await privateApt(mirror);
    await run('apt-get', [...options, 'update'], { title: 'Read the lists of Debian packages' });
    return options;
  })();
  return updated;
}

/** Installs packages from trixie, with the libraries that they need from there. Root only. */
export async function aptInstallNewer(mirror, packages) {
  const options = await updatedApt(mirror);
  await run('apt-get', [...options, '-y', 'install', '-t', RELEASE, '--no-install-recommends', ...packages], {
    title: `Install ${packages.join(', ')} of Debian ${RELEASE}`,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Downloads trixie's packages themselves into a folder. */
export async function aptDownload(mirror, packages, folder) {
  const options = await updatedApt(mirror);
  await run('apt-get', [...options, 'download', ...packages.map((name) => `${name}/${RELEASE}`)], {
    title: `Download ${packages.join(', ')} of Debian ${RELEASE}`,
    cwd: folder,
  });
}

/** Installs packages through the machine's own apt set-up, its security updates included. Root only. */
export async function aptInstall(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update'], {
    title: 'Update the package lists',
    env,
  });
  await run(
    'apt-get',
    ['-o', 'DPkg::Lock::Timeout=300', '-y', 'install', '--no-install-recommends', ...packages],
    {
      title: `Install ${packages.join(', ')}`,
      env,
    },
  );
}

/**
 * Fetches the upstream archive of trixie's source package `name` to `file` (uncompressed). apt's own downloader and
 * unpacker do it, so that its proxies count and no xz is needed.
 * @param {string} sha256 what the archive must hash to
 */
export async function fetchDebianSource(mirror, name, sha256, file) {
  const options = await updatedApt(mirror);
  const uris = await capture('apt-get', [
    ...options,
    'source',
    '--print-uris',
    '-qq',
    '--only-source',
    `${name}/${RELEASE}`,
  ]);
  const match = uris?.match(/^'([^']+\.orig\.tar(\.[a-z0-9]+))' \S+ \d+ SHA256:([0-9a-f]{64})/m);
  if (!match) throw new SetupError(`Debian ${RELEASE} at ${mirror.uri} lists no source archive for ${name}.`);
  const [, uri, extension, listed] = match;
  if (listed !== sha256) {
    throw new SetupError(
      `Debian's ${name} is not the pinned one: ${uri}\n  expected sha256 ${sha256}\n  listed          ${listed}`,
    );
  }
  const packed = file + extension;
  try {
    await run(HELPER, [...options, 'download-file', uri, packed, `SHA256:${sha256}`], {
      title: `Fetch ${name}`,
    });
    await run('sh', ['-c', '"$0" cat-file "$1" > "$2"', HELPER, packed, file], {
      title: `Decompress ${name}`,
    });
  } finally {
    await rm(packed, { force: true });
  }
}

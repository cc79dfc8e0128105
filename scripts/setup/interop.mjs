// The systems that take an index or spread the command line: PostgreSQL, Python and Spark, for their tests.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, makeOnce } from './cache.mjs';
import { aptDownload, aptInstall, aptInstallNewer } from './debian.mjs';
import { capture, findOnPath, run } from './run.mjs';
import { machine } from './toolchain.mjs';

const SPARK = ['pyspark==4.3.0', 'pyarrow==26.0.1', 'numpy==2.4.6'];
const QDRANT = ['qdrant-client==1.20.0'];
/** A server with pgvector, and the libraries that Debian's release before has not. */
const POSTGRES = [
  'postgresql-17',
  'postgresql-client-17',
  'postgresql-17-pgvector',
  'libpq5',
  'libicu76',
  'libldap2',
];

/** The folder with PostgreSQL's programs, or undefined. */
function findPostgres() {
  const versions = '/usr/lib/postgresql';
  const folders = existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, 'bin'))
    : [];
  return folders.find((folder) => existsSync(join(folder, 'initdb')));
}

/** PostgreSQL's programs, Debian's where there are none; undefined where they cannot be had. */
export async function ensurePostgres({ mirror, root } = machine()) {
  if (!findPostgres() && mirror && root) await aptInstall(['postgresql']).catch(() => {});
  return findPostgres();
}

const hasPip = async () => (await capture('python3', ['-c', 'import ensurepip, venv'])) !== null;

/**
 * PostgreSQL with pgvector, out of the packages of Debian's next release, unpacked into `folder` and not installed:
 * `{ programs, env }`; undefined where they cannot be had, or do not run here.
 */
export async function unpackPgvector(folder, { mirror } = machine()) {
  if (!mirror) return undefined;
  try {
    const fill = async (temporary) => {
      mkdirSync(temporary);
      await aptDownload(mirror, POSTGRES, temporary);
    };
    const packages = await makeOnce(join(cacheDir(), 'postgresql-17-pgvector'), fill);
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(packages))
      await run('dpkg-deb', ['-x', join(packages, name), folder], { title: `Unpack ${name}` });
  } catch {
    return undefined;
  }
  const libraries = readdirSync(join(folder, 'usr/lib')).filter((name) => name.endsWith('-linux-gnu'));
  const env = { LD_LIBRARY_PATH: libraries.map((name) => join(folder, 'usr/lib', name)).join(':') };
  const programs = join(folder, 'usr/lib/postgresql/17/bin');
  const runs = await capture(join(programs, 'postgres'), ['--version'], { env });
  return runs === null ? undefined : { programs, env };
}

/** Python with PySpark, pyarrow and numpy, kept in the cache, else `{ missing }`: what could not be had. */
export const ensureSpark = (on = machine()) => ensurePython(SPARK, { java: true }, on);

/** Python with Qdrant's client, which has a local mode; likewise. */
export const ensureQdrant = (on = machine()) => ensurePython(QDRANT, { java: false }, on);

async function ensurePython(packages, { java }, { mirror, root, env }) {
  if (mirror && root) {
    if (java && !findOnPath(['java'], env)) await aptInstall(['default-jre-headless']).catch(() => {});
    // The toolchain may have brought a newer Python, whose venv is of the same release.
    if (!(await hasPip())) await aptInstall(['python3-venv']).catch(() => {});
    if (!(await hasPip())) await aptInstallNewer(mirror, ['python3-venv']).catch(() => {});
  }
  const python = findOnPath(['python3'], env);
  if (!python || !(await hasPip())) return { missing: 'Python with its venv module' };
  if (java && !findOnPath(['java'], env)) return { missing: 'Java' };
  const name = `interop-${packages.map((wanted) => wanted.replace('==', '-')).join('-')}`;
  const fill = async (temporary) => {
    await run(python, ['-m', 'venv', temporary], { title: 'Make a Python environment' });
    // Not into the environment, whose programs would name a folder that is about to be moved.
    const where = ['--target', join(temporary, 'packages'), '--retries', '2', '--timeout', '20'];
    const install = ['-m', 'pip', 'install', '--quiet', ...where, ...packages];
    await run(join(temporary, 'bin/python'), install, { title: `Install ${packages.join(', ')}` });
  };
  // npm and Debian are what a machine must reach; Python's packages may be out of reach.
  const folder = await makeOnce(join(cacheDir(), name), fill).catch(() => undefined);
  if (folder === undefined) return { missing: packages.join(', ') };
  return { python, env: { PYTHONPATH: join(folder, 'packages'), PYSPARK_PYTHON: python } };
}

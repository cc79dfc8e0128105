// The systems that take an index or spread the command line: PostgreSQL, Python and Spark, for their tests.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, makeOnce } from './cache.mjs';
import { aptInstall, aptInstallNewer } from './debian.mjs';
import { capture, findOnPath, run } from './run.mjs';
import { machine } from './toolchain.mjs';

const PACKAGES = ['pyspark==4.3.0', 'pyarrow==26.0.1', 'numpy==2.4.6'];

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

/** Python with PySpark, pyarrow and numpy, kept in the cache, else `{ missing }`: what could not be had. */
export async function ensurePython({ mirror, root, env } = machine()) {
  if (mirror && root) {
    if (!findOnPath(['java'], env)) await aptInstall(['default-jre-headless']).catch(() => {});
    // The toolchain may have brought a newer Python, whose venv is of the same release.
    if (!(await hasPip())) await aptInstall(['python3-venv']).catch(() => {});
    if (!(await hasPip())) await aptInstallNewer(mirror, ['python3-venv']).catch(() => {});
  }
  const python = findOnPath(['python3'], env);
  if (!python || !(await hasPip())) return { missing: 'Python with its venv module' };
  if (!findOnPath(['java'], env)) return { missing: 'Java' };
  const name = `interop-${PACKAGES.map((wanted) => wanted.replace('==', '-')).join('-')}`;
  const fill = async (temporary) => {
    await run(python, ['-m', 'venv', temporary], { title: 'Make a Python environment' });
    // Not into the environment, whose programs would name a folder that is about to be moved.
    const where = ['--target', join(temporary, 'packages'), '--retries', '2', '--timeout', '20'];
    const install = ['-m', 'pip', 'install', '--quiet', ...where, ...PACKAGES];
    await run(join(temporary, 'bin/python'), install, { title: `Install ${PACKAGES.join(', ')}` });
  };
  // npm and Debian are what a machine must reach; Python's packages may be out of reach.
  const folder = await makeOnce(join(cacheDir(), name), fill).catch(() => undefined);
  if (folder === undefined) return { missing: PACKAGES.join(', ') };
  return { python, env: { PYTHONPATH: join(folder, 'packages'), PYSPARK_PYTHON: python } };
}

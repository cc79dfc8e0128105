// The systems that take an index or spread the command line: PostgreSQL and Spark, for their tests.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, makeOnce } from './cache.mjs';
import { aptInstall } from './debian.mjs';
import { findOnPath, run } from './run.mjs';
import { machine } from './toolchain.mjs';

const PYSPARK = 'pyspark==4.3.0';

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
  if (!findPostgres() && mirror && root) await aptInstall(['postgresql']);
  return findPostgres();
}

/** A Python with PySpark, in the cache; undefined without Java or Python. */
export async function ensureSpark({ mirror, root, env } = machine()) {
  if (!findOnPath(['java'], env) && mirror && root) await aptInstall(['default-jre-headless']);
  if (mirror && root && !findOnPath(['python3'], env)) await aptInstall(['python3', 'python3-venv']);
  const python = findOnPath(['python3'], env);
  if (!findOnPath(['java'], env) || !python) return undefined;
  const folder = await makeOnce(join(cacheDir(), PYSPARK.replace('==', '-')), async (temporary) => {
    await run(python, ['-m', 'venv', '--copies', temporary], { title: 'Make a Python for Spark' });
    // Not into the environment, whose programs would name a folder that is about to be moved.
    await run(
      join(temporary, 'bin/python'),
      ['-m', 'pip', 'install', '--quiet', '--target', join(temporary, 'packages'), PYSPARK],
      {
        title: 'Install PySpark',
      },
    );
  });
  return { python, packages: join(folder, 'packages') };
}

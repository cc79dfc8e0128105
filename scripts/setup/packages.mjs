// The npm packages of the repository, installed when what is wanted has changed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';

// Not `npm ci`: it refuses a lock file without the optional packages of other platforms, which is what npm writes
// where the registry does not carry them. The versions are the lock file's all the same, and it is left as it is.
const INSTALL = ['install', '--no-save', '--no-audit', '--no-fund'];

/** Installs the packages under `root` with npm unless node_modules was made from the same manifests already. */
export async function ensurePackages(root) {
  const hash = createHash('sha256');
  for (const name of ['package.json', 'package-lock.json']) {
    if (existsSync(join(root, name))) hash.update(readFileSync(join(root, name)));
  }
  const wanted = hash.digest('hex');
  const stamp = join(root, 'node_modules/.vitreous-stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  await run('npm', INSTALL, { title: 'Install the npm packages', cwd: root });
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, wanted);
}

// The package as it ships, for tests: packed once, installed in folders of their own, programs run there.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixtures, maxDiff } from '../js/support/golden.mjs';
import { run } from '../js/support/process.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A photo of tests/fixtures by which the tests see that the package works. */
export const BOATS = 'boats_rgb_320x200.png';

/** Fails unless this is the packaged model's embedding of {@link BOATS}, as timm computes it. */
export function assertBoats(embedding) {
  const golden = fixtures().find(({ file }) => file === BOATS).embedding;
  assert.equal(embedding.length, golden.length);
  const difference = maxDiff(embedding, golden);
  assert.ok(difference <= 2e-4, `differs from timm by ${difference}`);
}

/** What a program prints that must end well. */
export async function output(folder, command, ...args) {
  const { status, stdout, stderr } = await run(command, args, { cwd: folder });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout.toString();
}

/**
 * Packs dist/ in a folder for scratch, which `remove` deletes with all that was put there.
 * @returns {Promise<{ folder: string, tarball: string, packed: { files: { path: string, size: number }[], size: number,
 *   unpackedSize: number }, remove: () => Promise<void> }>} `packed` is what npm says of the tarball
 */
export async function pack() {
  const folder = await mkdtemp(join(tmpdir(), 'vitreous-package-'));
  const said = JSON.parse(await output(root, 'npm', 'pack', '--json', '--pack-destination', folder));
  const packed = Array.isArray(said) ? said[0] : said.vitreous;
  const remove = () => rm(folder, { recursive: true, force: true });
  return { folder, tarball: join(folder, packed.filename), packed, remove };
}

/**
 * Makes a project and installs the tarball in it, and nothing else: no network is used.
 * @param {string} folder made if it is not there
 * @param {string} tarball
 * @param {object} [manifest] its package.json, beside `type` and `private`
 * @returns {Promise<string>} where the package lies in it
 */
export async function install(folder, tarball, manifest = {}) {
  await mkdir(folder, { recursive: true });
  const text = JSON.stringify({ type: 'module', private: true, ...manifest });
  await writeFile(join(folder, 'package.json'), text);
  await output(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
  return join(folder, 'node_modules/vitreous');
}

/** Lends a project packages of another folder's node_modules, by links. */
export async function lend(folder, names, from = join(root, 'node_modules')) {
  for (const name of names) {
    const at = join(from, name);
    if (!(await stat(at).catch(() => undefined))) continue;
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(at, link);
  }
}

/** sharp and what it needs. */
export const SHARP = ['sharp', '@img', 'detect-libc', 'semver'];

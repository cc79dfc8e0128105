// How the packed package comes to lie in a project: the ways of npm, of pnpm, and of a workspace.
import assert from 'node:assert/strict';
import { cp, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { install, output } from '../../package/support.mjs';
import { runTool } from './tools.mjs';

async function writeManifest(folder, manifest = {}) {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', private: true, ...manifest }),
  );
}

let installed;

/** Each makes a project with the tarball in it, and returns the folder of the app. No network is used. */
export const layouts = {
  /** `npm install`, once for all projects of a test file: it lays the same files each time. */
  async npm(folder, { tarball }) {
    const sample = join(dirname(tarball), 'installed');
    installed ??= install(sample, tarball);
    await installed;
    await cp(sample, folder, { recursive: true });
    return folder;
  },

  /** A link in node_modules, into a folder of pnpm's beside it. */
  async pnpm(folder, { tarball, tools }) {
    await writeManifest(folder);
    await runTool(tools, folder, [
      '.bin/pnpm',
      'add',
      '--offline',
      '--store-dir',
      `${folder}-store`,
      tarball,
    ]);
    assert.ok((await lstat(join(folder, 'node_modules/vitreous'))).isSymbolicLink());
    return folder;
  },

  /** The app is one of several packages; what it needs lies in the node_modules of them all. */
  async workspace(folder, { tarball }) {
    const app = join(folder, 'packages/app');
    await writeManifest(folder, { workspaces: ['packages/*'] });
    await writeManifest(app, { name: 'app', dependencies: { vitreous: `file:${tarball}` } });
    await output(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund');
    assert.ok((await lstat(join(folder, 'node_modules/vitreous'))).isDirectory());
    await assert.rejects(lstat(join(app, 'node_modules/vitreous')), { code: 'ENOENT' });
    return app;
  },
};

// The bundlers and runtimes of package.json, installed in the cache folder, and run.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir, makeOnce } from '../../../scripts/setup/cache.mjs';
import { ensurePackages } from '../../../scripts/setup/packages.mjs';
import { run } from '../../js/support/process.mjs';

const MANIFESTS = ['package.json', 'package-lock.json', '.npmrc'];

/**
 * Installs what `folder` of tests/bundlers lists. Projects are made beneath what this returns, so that they find the
 * bundlers, and of this repository nothing.
 */
export async function installTools(folder = '.') {
  const from = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
  const hash = createHash('sha256');
  for (const name of MANIFESTS) hash.update(await readFile(join(from, name)));
  const target = join(cacheDir(), `bundlers-${hash.digest('hex').slice(0, 12)}`);
  return makeOnce(target, async (temporary) => {
    await mkdir(temporary, { recursive: true });
    for (const name of MANIFESTS) await cp(join(from, name), join(temporary, name));
    await ensurePackages(temporary);
  });
}

/** The environment of a tool: this Node, no network, nothing told to anyone. */
export const TOOL_ENV = {
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  NEXT_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  npm_config_offline: 'true',
  NO_COLOR: '1',
  // Set by the test runner, and not meant for what a test starts.
  NODE_TEST_CONTEXT: undefined,
  NODE_OPTIONS: '',
};

/** A tool goes by its path in node_modules, all else by its name. */
export const programOf = (tools, name) => (name.includes('/') ? join(tools, 'node_modules', name) : name);

/** Runs one of the tools in a project; it must end well. */
export async function runTool(tools, folder, [name, ...args], env = {}) {
  const { status, stdout, stderr } = await run(programOf(tools, name), args, {
    cwd: folder,
    env: { ...TOOL_ENV, ...env },
  });
  assert.equal(status, 0, `${name} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return `${stdout}${stderr}`;
}

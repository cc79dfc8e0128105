// Where the compilers come from: PATH, else emsdk in the cache folder, else Debian's packages.
import { existsSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { reachable } from './archive.mjs';
import { cacheDir, makeOnce } from './cache.mjs';
import { aptInstall, aptInstallNewer, debianMirror, RELEASE } from './debian.mjs';
import { SetupError, say, step } from './log.mjs';
import { capture, findOnPath, run } from './run.mjs';
import { fetchSource } from './sources.mjs';

// -fwasm-exceptions and the relaxed SIMD intrinsics as the engine uses them need this.
const EMSCRIPTEN_MIN = '3.1.58';
const EMSDK_VERSION = '3.1.69';
const EMSDK_ORIGINS = ['https://github.com', 'https://storage.googleapis.com'];

// Each tool: the commands that will do, the version needed, where it comes from.
const EMCC = { name: 'Emscripten', commands: ['emcc'], min: EMSCRIPTEN_MIN };
const BUILD_TOOLS = [
  { name: 'CMake', commands: ['cmake'], min: '3.22', package: 'cmake' },
  { name: 'Ninja', commands: ['ninja'], min: '1.10', package: 'ninja-build' },
  { name: 'A C++20 compiler', commands: ['g++', 'clang++'], min: '11', package: 'g++' },
];

/** The first dotted number in a program's version line, or null. */
export const parseVersion = (text) => text?.match(/\d+(\.\d+)+/)?.[0] ?? null;

/** Whether version `a` is at least version `b`, number by number. */
export function atLeast(a, b) {
  const [as, bs] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < bs.length; i++) {
    if ((as[i] ?? 0) !== bs[i]) return (as[i] ?? 0) > bs[i];
  }
  return true;
}

/** What kind of machine this is, as far as installing goes. */
export const machine = () => ({ mirror: debianMirror(), root: process.getuid?.() === 0, env: process.env });

async function findTool({ commands, min }, env) {
  for (const command of commands) {
    const version = parseVersion(await capture(command, ['--version'], { env }));
    if (version && atLeast(version, min)) return { command, version };
  }
  return null;
}

const emsdkDir = () => join(cacheDir(), `emsdk-${EMSDK_VERSION}`);

/** The environment in which the cache folder's emsdk is the one on PATH. */
const emsdkEnv = (env) => ({
  EM_CONFIG: join(emsdkDir(), '.emscripten'),
  PATH: [join(emsdkDir(), 'upstream/emscripten'), env.PATH].join(delimiter),
});

/** Installs emsdk where it can be reached. Says whether it is there. */
async function installEmsdk(env) {
  if (existsSync(emsdkDir())) return true;
  if (!findOnPath(['python3'], env)) return false;
  if (!(await Promise.all(EMSDK_ORIGINS.map(reachable))).every(Boolean)) return false;
  const install = async (target) => {
    await fetchSource('emsdk', target);
    for (const action of ['install', 'activate']) {
      const args = [join(target, 'emsdk.py'), action, EMSDK_VERSION];
      await run('python3', args, { title: `emsdk ${action}`, cwd: target });
    }
  };
  try {
    await step(`Install Emscripten ${EMSDK_VERSION} with emsdk into the cache folder`, () =>
      makeOnce(emsdkDir(), install),
    );
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

/** What is missing and how to come by it. */
function missing(tools, { mirror, root }) {
  const lines = ['Some build tools are missing, and they cannot be installed from here:'];
  for (const tool of tools) {
    lines.push(
      `  ${tool.name}, version ${tool.min} or newer${tool.package ? ` (Debian and Ubuntu: package ${tool.package})` : ''}`,
    );
  }
  if (tools.includes(EMCC)) {
    lines.push(
      `    emsdk could not be installed: it needs python3, and ${EMSDK_ORIGINS.join(' and ')} must answer.`,
      '    https://emscripten.org/docs/getting_started/downloads.html says more; `emcc` must then be on PATH.',
    );
  }
  if (mirror && !root) lines.push('On this Debian, the same command run once as root installs all of it.');
  return lines.join('\n');
}

async function installFromDebian(mirror, tools) {
  const packages = tools.filter((tool) => tool !== EMCC).map((tool) => tool.package);
  if (packages.length) await aptInstall(packages);
  if (!tools.includes(EMCC)) return;
  if (mirror.suite !== RELEASE) {
    say(
      `  The Emscripten of Debian ${RELEASE} will be installed on this ${mirror.suite}. It brings the C library (libc6)`,
    );
    say(
      `  and some more libraries of ${RELEASE} with it, for the whole system. To avoid that, stop now and install emsdk.`,
    );
  }
  await aptInstallNewer(mirror, ['emscripten', 'binaryen']);
}

/** Debian's emcc looks for acorn here when its node is not Debian's own; without it, optimized links fail. */
async function linkDebianModules() {
  const link = '/usr/share/emscripten/node_modules';
  if (existsSync(dirname(link)) && !existsSync(link)) await symlink('/usr/share/nodejs', link);
}

/** Whether emcc works in this environment, shown by a trial compilation. */
async function emccCompiles(env) {
  const dir = join(cacheDir(), `trial.${process.pid}`);
  try {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'trial.c'), 'int answer(void) { return 42; }\n');
    return (
      (await capture('emcc', ['-c', join(dir, 'trial.c'), '-o', join(dir, 'trial.o')], { env })) !== null
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * Finds or installs Emscripten, CMake, Ninja and a C++20 compiler.
 * @returns {Promise<{ version: string, cxx: string, wasmEnv: object, nativeEnv: object }>} Emscripten's version, the
 *   native compiler's command, and what to add to the environment of a wasm and of a native build (`emcmake`, `emcc`,
 *   `cmake` and `ninja` are found on the PATH of each).
 * @throws {SetupError} naming what is missing and how to get it
 */
export async function ensureToolchain({ mirror, root, env } = machine()) {
  const wanted = [EMCC, ...BUILD_TOOLS];
  let wasmEnv = {};
  let found;
  const look = async () => {
    found = await Promise.all(wanted.map((tool) => findTool(tool, { ...env, ...wasmEnv })));
    return wanted.filter((_, i) => !found[i]);
  };
  let absent = await look();
  if (absent.includes(EMCC) && (await installEmsdk(env))) {
    wasmEnv = emsdkEnv(env);
    absent = await look();
  }
  if (absent.length && mirror && root) {
    await installFromDebian(mirror, absent);
    absent = await look();
  }
  if (absent.length) throw new SetupError(missing(absent, { mirror, root }));
  if (mirror && root) await linkDebianModules();

  const ccache = findOnPath(['ccache'], env);
  const nativeEnv = ccache ? { CMAKE_C_COMPILER_LAUNCHER: ccache, CMAKE_CXX_COMPILER_LAUNCHER: ccache } : {};
  // ccache stands in front of emcc's own clang, not of emcc, and not every Emscripten lets it.
  const cachedEnv = { ...wasmEnv, EM_COMPILER_WRAPPER: ccache };
  if (ccache && (await emccCompiles({ ...env, ...cachedEnv }))) wasmEnv = cachedEnv;
  const [emcc, , , cxx] = found;
  return { version: emcc.version, cxx: cxx.command, wasmEnv, nativeEnv };
}

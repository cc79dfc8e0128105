// The formatter of the C++ files.
import { aptInstallNewer } from './debian.mjs';
import { capture, findOnPath } from './run.mjs';
import { machine } from './toolchain.mjs';

/** That of the toolchain's LLVM, which Debian has. Newer ones format these files alike. */
const VERSION = 19;
const COMMANDS = [`clang-format-${VERSION}`, 'clang-format'];

async function findClangFormat(env) {
  for (const command of COMMANDS) {
    const path = findOnPath([command], env);
    const version = path && (await capture(path, ['--version']));
    if (Number(/version (\d+)/.exec(version ?? '')?.[1]) >= VERSION) return path;
  }
  return undefined;
}

/** The path of clang-format, Debian's where there is none; undefined where it cannot be had. */
export async function ensureClangFormat({ mirror, root, env } = machine()) {
  const found = await findClangFormat(env);
  if (found || !mirror || !root) return found;
  await aptInstallNewer(mirror, [COMMANDS[0]]).catch(() => {});
  return findClangFormat(env);
}

// The browser of the page's tests.
import { aptInstall } from './debian.mjs';
import { SetupError } from './log.mjs';
import { findOnPath, isExecutable } from './run.mjs';
import { machine } from './toolchain.mjs';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'];

/** The path of Chromium: $CHROME_PATH, else the first on PATH, else undefined. */
export function findChromium(env = process.env) {
  if (env.CHROME_PATH && isExecutable(env.CHROME_PATH)) return env.CHROME_PATH;
  return findOnPath(COMMANDS, env);
}

/** Finds Chromium, or installs Debian's as root. Returns its path. */
export async function ensureChromium({ mirror, root, env } = machine()) {
  if (!findChromium(env) && mirror && root) await aptInstall(['chromium']);
  const path = findChromium(env);
  if (path) return path;
  throw new SetupError(
    'The tests of the page need Chromium or Chrome. Install one (Debian: `apt-get install chromium`), or set\n' +
      'CHROME_PATH to its program.',
  );
}

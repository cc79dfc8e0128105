// The browsers of the tests: Chromium, Firefox, and WebKitGTK with what it takes to drive it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall } from './debian.mjs';
import { SetupError } from './log.mjs';
import { findOnPath, isExecutable } from './run.mjs';
import { machine } from './toolchain.mjs';

/** The path of Chromium: $CHROME_PATH, else the first on PATH, else undefined. */
export const findChromium = (env = process.env) =>
  named(env.CHROME_PATH) ??
  findOnPath(['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'], env);

/** The path of Firefox: $FIREFOX_PATH, else the first on PATH, else undefined. */
export const findFirefox = (env = process.env) =>
  named(env.FIREFOX_PATH) ?? findOnPath(['firefox-esr', 'firefox'], env);

/** The paths `{ driver, browser, display }` of WebKitGTK's programs and of Xvfb; undefined if one is missing. */
export function findWebKit(env = process.env, libraries = '/usr/lib') {
  const driver = findOnPath(['WebKitWebDriver'], env);
  const display = findOnPath(['Xvfb'], env);
  const browser = miniBrowser(libraries);
  return driver && browser && display ? { driver, browser, display } : undefined;
}

const named = (path) => (path && isExecutable(path) ? path : undefined);

/** Debian has it in /usr/lib/MACHINE/webkit2gtk-4.1/. */
function miniBrowser(libraries) {
  const folders = existsSync(libraries) ? readdirSync(libraries) : [];
  return folders
    .flatMap((folder) =>
      ['4.1', '4.0'].map((api) => join(libraries, folder, `webkit2gtk-${api}`, 'MiniBrowser')),
    )
    .find(isExecutable);
}

const BROWSERS = {
  chromium: {
    find: findChromium,
    packages: ['chromium'],
    missing:
      'Tests need Chromium or Chrome. Install one (Debian: `apt-get install chromium`), or set CHROME_PATH to its program.',
  },
  firefox: {
    find: findFirefox,
    packages: ['firefox-esr'],
    missing:
      'Tests need Firefox. Install it (Debian: `apt-get install firefox-esr`), or set FIREFOX_PATH to its program.',
  },
  webkit: {
    find: findWebKit,
    packages: ['webkit2gtk-driver', 'xvfb'],
    missing:
      'Tests need WebKitGTK’s MiniBrowser and WebKitWebDriver, and Xvfb, which are for Linux. Install them (Debian:\n' +
      '`apt-get install webkit2gtk-driver xvfb`), or leave the suite out: `npm test -- --only …`.',
  },
};

/** Finds these browsers, or installs Debian's as root. */
export async function ensureBrowsers(names, { mirror, root, env } = machine()) {
  const absent = () => names.map((name) => BROWSERS[name]).filter(({ find }) => find(env) === undefined);
  if (absent().length && mirror && root) await aptInstall(absent().flatMap(({ packages }) => packages));
  const missing = absent();
  if (missing.length) throw new SetupError(missing.map((browser) => browser.missing).join('\n'));
}

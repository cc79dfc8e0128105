// All set-up of the build: toolchain, third-party sources, npm packages.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main, say } from './log.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureSources } from './sources.mjs';
import { ensureToolchain } from './toolchain.mjs';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Writes a file only when its content changes, so that builds that read it are not run anew. */
function writeIfChanged(path, text) {
  let old;
  try {
    old = readFileSync(path, 'utf8');
  } catch {}
  if (old !== text) writeFileSync(path, text);
}

/**
 * Does whatever is still missing of the set-up; quick when nothing is.
 * @returns {Promise<{ toolchain: object, sources: Record<string, string>, cacheFile: string }>}
 *   `cacheFile` is for `cmake -C`: the sources' folders as VITREOUS_XNNPACK_DIR, …
 */
export async function setup() {
  const toolchain = await ensureToolchain();
  const sources = await ensureSources();
  await ensurePackages(root);

  const cacheFile = join(root, 'build/setup.cmake');
  mkdirSync(join(root, 'build'), { recursive: true });
  const variables = Object.entries(sources).map(
    ([name, path]) => `set(VITREOUS_${name.toUpperCase()}_DIR "${path}" CACHE PATH "" FORCE)\n`,
  );
  writeIfChanged(cacheFile, variables.join(''));
  return { toolchain, sources, cacheFile };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { toolchain, cacheFile } = await setup();
    say(
      `Set-up is complete: Emscripten ${toolchain.version}, ${toolchain.cxx}; third-party sources in ${cacheFile}`,
    );
  });
}

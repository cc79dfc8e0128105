// The C++ files in the form that .clang-format says.
//   node scripts/clang-format.mjs            looks only: exit 1 where one is not
//   node scripts/clang-format.mjs --write    part of npm run format
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureClangFormat } from './setup/clang_format.mjs';
import { root } from './setup/index.mjs';
import { main, say } from './setup/log.mjs';
import { run } from './setup/run.mjs';

const FOLDERS = ['src', 'bindings', 'cmake', 'tests/cpp', 'bench'];

await main(async () => {
  const program = await ensureClangFormat();
  if (!program)
    return say('skipped: the C++ files are not looked at, as there is no clang-format 19 or newer.');
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(cc|h)$/.test(name) && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );
  const write = process.argv.includes('--write');
  const args = write ? ['-i'] : ['--dry-run', '--Werror'];
  const title = write ? 'Format the C++ files' : 'The format of the C++ files; npm run format mends it';
  await run(program, [...args, ...files], { title, cwd: root });
});

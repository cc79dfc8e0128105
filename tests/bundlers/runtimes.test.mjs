// The packed package in programs: Node 20, 22 and 24, Deno, Bun. Pixels in, no image decoder.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { capture } from '../../scripts/setup/run.mjs';
import { fixture } from '../js/support/golden.mjs';
import { install, output, pack } from '../package/support.mjs';
import { PHOTOS } from './projects/app/photos.js';
import { assertEmbeds, assertSearches, projectsFolder } from './support/project.mjs';
import { writeTable } from './support/table.mjs';
import { installTools } from './support/tools.mjs';

const packed = await pack();
after(packed.remove);
const tools = await installTools();
const projects = await projectsFolder(tools);
after(projects.remove);
const folder = projects.folder;
const cells = [];
after(() => writeTable('runtimes', cells, { whole: true }));

before(async () => {
  await install(folder, packed.tarball);
  await cp(fileURLToPath(new URL('projects/runtime/app.mjs', import.meta.url)), join(folder, 'app.mjs'));
  const photos = [];
  for (const name of PHOTOS) {
    const { data, info } = await sharp(fixture(name)).raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    await writeFile(join(folder, `${name}.raw`), data);
    photos.push({ name, width, height, channels, file: `${name}.raw` });
  }
  await writeFile(join(folder, 'photos.json'), JSON.stringify(photos));
});

const installed = (path) => join(tools, 'node_modules', path);
const runtimes = [
  { name: 'Node.js', command: [process.execPath] },
  { name: 'Node.js 22', command: [installed(`node22-${process.arch}/bin/node`)] },
  { name: 'Node.js 24', command: [installed(`node24-${process.arch}/bin/node`)] },
  { name: 'Deno', command: [installed('.bin/deno'), 'run', '--allow-all', '--no-prompt'] },
  { name: 'Bun', command: [installed('.bin/bun')] },
];

for (const { name, command } of runtimes) {
  const [program, ...args] = command;
  const version = existsSync(program) ? await capture(program, ['--version']) : null;
  // Those are packages of their platform, which may not have one.
  describe(name, { skip: version === null && `there is no ${name} for this machine` }, () => {
    const [number] = /\d+\.\d+\.\d+/.exec(version) ?? [''];
    for (const threads of [1, 2]) {
      const cell = { host: name, version: number, threads: threads > 1, uses: 'runs', ok: false };
      test(`${number}, ${threads} thread${threads > 1 ? 's' : ''}`, async () => {
        cells.push(cell);
        const index = `${name}-${threads}.index`;
        const said = await output(folder, program, ...args, 'app.mjs', 'photos.json', String(threads), index);
        const found = JSON.parse(said);
        assertEmbeds(found);
        assertSearches(found);
        assert.equal(found.threads, threads, found.threadsReason);
        cell.ok = true;
      });
    }
  });
}

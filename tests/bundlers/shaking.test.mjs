// What a bundle keeps of the package: only what is imported.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from '../package/support.mjs';
import { hosts } from './support/hosts.mjs';
import { makeProject, projectsFolder } from './support/project.mjs';
import { installTools, runTool } from './support/tools.mjs';

const packed = await pack();
after(packed.remove);
const tools = await installTools();
const projects = await projectsFolder(tools);
after(projects.remove);

const ENGINE = /new Worker\(|\.wasm|safetensors|WebAssembly/;
const SEARCH = /INDEX_LOCKED|indexedDB|KnnClassifier/;

const apps = {
  topk: {
    code: "import { topk } from 'vitreous';\nconsole.log(topk([1, 3, 2], 1));\n",
    without: ENGINE,
    below: 2e3,
  },
  cosineSimilarity: {
    code: "import { cosineSimilarity } from 'vitreous';\nconsole.log(cosineSimilarity([1], [2]));\n",
    without: ENGINE,
    below: 2e3,
  },
  createModel: {
    code: "import { createModel } from 'vitreous';\nconsole.log(createModel);\n",
    without: SEARCH,
  },
};

for (const name of ['Vite', 'webpack', 'Rollup', 'esbuild', 'Parcel']) {
  const host = hosts.find((host) => host.name === name);
  const folder = join(projects.folder, name);
  describe(name, () => {
    before(() => makeProject(tools, folder, packed.tarball, host));
    for (const [imported, { code, without, below }] of Object.entries(apps)) {
      test(imported, async (t) => {
        await rm(join(folder, 'dist'), { recursive: true, force: true });
        await writeFile(join(folder, 'main.js'), code);
        for (const command of host.build) await runTool(tools, folder, command);
        const files = await readdir(join(folder, 'dist'), { recursive: true });
        const written = files.filter(
          (file) => ['.js', '.html'].includes(extname(file)) && !/worker/.test(file),
        );
        const texts = await Promise.all(written.map((file) => readFile(join(folder, 'dist', file), 'utf8')));
        // webpack also writes the worker wherever its module is looked at: a file that no other names, and nobody loads.
        const isLoaded = (file) =>
          basename(file) === 'main.js' || texts.some((text) => text.includes(basename(file)));
        const text = texts.filter((_, i) => extname(written[i]) === '.js' && isLoaded(written[i])).join('');
        assert.ok(text.length > 0, `${files}`);
        t.diagnostic(`${text.length} bytes, ${gzipSync(text).length} gzip`);
        assert.doesNotMatch(text, without);
        assert.ok(text.length < (below ?? Number.POSITIVE_INFINITY), `${text.length} bytes`);
      });
    }
  });
}

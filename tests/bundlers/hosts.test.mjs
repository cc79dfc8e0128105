// The packed package in empty projects, one for each bundler: built, opened in Chromium without isolation and with it.
// docs/bundlers.md has the table of what this found. HOSTS=Vite runs only the hosts with that in their names.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launchChromium } from '../browser/support/chromium.mjs';
import { pack } from '../package/support.mjs';
import { hosts, olderHosts } from './support/hosts.mjs';
import {
  assertEmbeds,
  assertSearches,
  makeProject,
  openApp,
  projectsFolder,
  runTool,
  serveBuilt,
  startDev,
} from './support/project.mjs';
import { writeTable } from './support/table.mjs';
import { installTools } from './support/tools.mjs';

const full = process.env.VITREOUS_TEST_FULL !== undefined;
const cells = []; // { host, version, threads, uses, ok, add }

const packed = await pack();
after(packed.remove);
let browser;
before(async () => {
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await writeTable('hosts', cells, { whole: full && process.env.HOSTS === undefined });
});

/** Opens the page, served isolated or not, and checks both of what it does. */
function testPage(row, serve) {
  for (const isolated of [false, true]) {
    describe(isolated ? 'isolated: threads' : 'not isolated: one thread', () => {
      let server;
      let found;
      before(async () => {
        server = await serve(isolated);
        found = await openApp(browser, server.url);
      });
      after(() => server?.close());
      const cell = (uses, check) =>
        test(uses, () => {
          const result = { ...row, csp: server.csp ?? '', threads: isolated, uses, ok: false };
          cells.push(result);
          check(found);
          result.ok = true;
        });
      cell('embeds', () => {
        assertEmbeds(found);
        assert.equal(found.worker, true);
        assert.equal(found.threads > 1, isolated);
      });
      cell('searches', () => {
        assertSearches(found);
        assert.deepEqual(found.problems, []);
      });
    });
  }
}

async function testHosts(list, folder) {
  const tools = await installTools(folder);
  const projects = await projectsFolder(tools);
  after(projects.remove);
  const version = (name) =>
    JSON.parse(readFileSync(join(tools, 'node_modules', name, 'package.json'), 'utf8')).version;
  for (const host of list.filter(({ name }) => name.includes(process.env.HOSTS ?? ''))) {
    const row = { host: host.name, version: host.package ? version(host.package) : '', add: host.add ?? '' };
    const project = join(projects.folder, host.name.toLowerCase().replace(/\W+/g, '-'));
    describe(`${host.name} ${row.version}`, () => {
      before(() => makeProject(project, packed.tarball, host.project));
      describe('built', () => {
        before(async () => {
          for (const command of host.build) await runTool(tools, project, command);
        });
        testPage(row, (isolated) => serveBuilt(join(project, host.out ?? 'dist'), { isolated }));
      });
      if (host.dev === undefined) return;
      describe('development server', () => {
        testPage({ ...row, host: `${host.name}, development` }, async (isolated) => {
          const files = Object.entries(isolated ? host.isolate : {});
          for (const [name, text] of files) await writeFile(join(project, name), text);
          return startDev(tools, project, host.dev);
        });
      });
    });
  }
}

await testHosts(hosts, '.');
if (full) await testHosts(olderHosts, 'full');

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
  serveBuilt,
  startDev,
} from './support/project.mjs';
import { writeTable } from './support/table.mjs';
import { installTools, runTool } from './support/tools.mjs';

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

/** Those of a bundler's paragraphs that warn of a file of the package. */
const warnings = (said) =>
  said
    .split(/\n\s*\n/)
    .filter((text) => /\bwarn|\(!\)|⚠|▲/i.test(text) && text.includes('node_modules/vitreous/'));

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
      cell('embeds without a worker', () => {
        assertEmbeds(found.inPage);
        assert.equal(found.inPage.worker, false);
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
    let project;
    describe(`${host.name} ${row.version}`, () => {
      before(async () => {
        const folder = join(projects.folder, host.name.toLowerCase().replace(/\W+/g, '-'));
        project = await makeProject(tools, folder, packed.tarball, host);
      });
      describe('built', () => {
        let said = '';
        before(async () => {
          for (const command of host.build) said += await runTool(tools, project, command);
        });
        if (host.build.length > 0) {
          test('nothing in the package is warned of', () => assert.deepEqual(warnings(said), []));
        }
        testPage(row, (isolated) => serveBuilt(join(project, host.out ?? 'dist'), { isolated }));
      });
      if (host.dev === undefined) return;
      describe('development server', () => {
        testPage({ ...row, host: `${host.name}, development` }, async (isolated) => {
          for (const [name, text] of Object.entries(host.devFiles(isolated)))
            await writeFile(join(project, name), text);
          return startDev(tools, project, host.dev);
        });
      });
    });
  }
}

await testHosts(hosts, '.');
if (full) await testHosts(olderHosts, 'full');

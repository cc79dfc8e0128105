// A project with the packed package in it, as a newcomer would make it, and its page in Chromium.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ISOLATION, openSite, STRICT_CSP, startSite } from '../../browser/support/site.mjs';
import { fixture, fixtures, maxDiff } from '../../js/support/golden.mjs';
import { PHOTOS } from '../projects/app/photos.js';
import { layouts } from './layouts.mjs';
import { programOf, TOOL_ENV } from './tools.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** A folder for projects beneath the tools. */
export async function projectsFolder(tools) {
  const folder = await mkdtemp(join(tools, 'projects-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Lays the app of projects/app in a folder and, over it, projects/NAME. */
export async function makeApp(folder, name) {
  for (const template of ['app', ...(name === undefined ? [] : [name])]) {
    await cp(here(`../projects/${template}`), folder, { recursive: true });
  }
}

/** Makes the project of a host, with the tarball installed in it; returns the folder of the app. */
export async function makeProject(tools, folder, tarball, { project, layout = 'npm' }) {
  const app = await layouts[layout](folder, { tarball, tools });
  await makeApp(app, project);
  await cp(fixture(''), join(app, 'public/photos'), { recursive: true });
  await writeFile(join(app, 'public/favicon.ico'), ''); // which browsers ask for, and tell when it is missing
  return app;
}

/** Starts a development server of a project; resolves when it has said its address. */
export async function startDev(tools, folder, [name, ...args]) {
  const child = spawn(programOf(tools, name), args, {
    cwd: folder,
    env: { ...process.env, ...TOOL_ENV },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const closed = new Promise((resolve) => child.on('close', resolve));
  const url = await new Promise((resolve, reject) => {
    const listen = (chunk) => {
      said += chunk;
      const found = /http:\/\/(?:localhost|127\.0\.0\.1):\d+\//.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    closed.then((status) => reject(new Error(`${name} ended with ${status}: ${said}`)));
  });
  const close = () => {
    child.kill();
    return closed;
  };
  return { url, close };
}

/** The strict policy with the hashes of the inline scripts that a bundler wrote into the page. */
async function policyOf(folder) {
  const html = await readFile(join(folder, 'index.html'), 'utf8');
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, text]) => text,
  );
  const hashes = inline.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  const csp = STRICT_CSP.replace("script-src 'self'", ["script-src 'self'", ...new Set(hashes)].join(' '));
  return { csp, shown: hashes.length > 0 ? 'with hashes of its inline scripts' : 'yes' };
}

/** Serves a built page, or several folders of which `/` has it, under the strict policy. */
export async function serveBuilt(folders, { isolated }) {
  const site = typeof folders === 'string' ? { '/': folders } : folders;
  const { csp, shown } = await policyOf(site['/']);
  const server = await startSite(
    { '/photos/': fixture(''), ...site },
    { csp, headers: isolated ? ISOLATION : {} },
  );
  return { ...server, csp: shown };
}

/** What the app of projects/app found out in the page at `url`, and what went wrong there; requests to `allowed` may go out. */
export async function openApp(browser, url, { allowed } = {}) {
  const { page, problems, close } = await openSite(browser, url);
  try {
    const handle = await page.waitForFunction(
      () => document.getElementById('result')?.textContent,
      undefined,
      {
        timeout: 120_000,
      },
    );
    const unexpected = problems.filter((problem) => !allowed || !problem.startsWith(`request: ${allowed}`));
    return { ...JSON.parse(await handle.jsonValue()), problems: unexpected };
  } catch (error) {
    throw new Error(`${error.message}\n${problems.join('\n')}`, { cause: error });
  } finally {
    await close();
  }
}

const goldens = PHOTOS.map((name) => fixtures().find(({ file }) => file === name).embedding);

/** That the embeddings are timm's. */
export function assertEmbeds({ error, embeddings }) {
  assert.equal(error, undefined);
  for (const [i, golden] of goldens.entries()) {
    const difference = maxDiff(embeddings[i], golden);
    assert.ok(difference <= 2e-4, `${PHOTOS[i]} differs from timm by ${difference}`);
  }
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** That the order and scores of the search are those of timm's embeddings, and k-NN knows a photo it was given. */
export function assertSearches({ error, results, label }) {
  assert.equal(error, undefined);
  const expected = PHOTOS.map((id, i) => ({ id, score: cosine(goldens[0], goldens[i]) }));
  expected.sort((a, b) => b.score - a.score);
  assert.deepEqual(
    results.map(({ id }) => id),
    expected.map(({ id }) => id),
  );
  for (const [i, { score }] of expected.entries()) assert.ok(Math.abs(results[i].score - score) < 1e-4);
  assert.equal(label, PHOTOS[0]);
}

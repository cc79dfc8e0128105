// A small page that has the built package, under a strict content security policy, and all that goes wrong in it.
import { createReadStream, existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../js/support/server.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What makes a page cross-origin isolated: with it come threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.webm': 'video/webm',
};

/** The strictest policy under which WebAssembly, workers and images work. */
export const STRICT_CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; media-src blob:";

/**
 * Serves folders by path, longest first: `{ '/vitreous/': dist, '/': pages }`.
 * @param {{ csp?: string, headers?: object, files?: Record<string, Uint8Array | string | ((response: object) => void)> }} [options]
 *   `headers` go with every answer; `files` are more of them, by name: contents, or what answers for them
 */
export function startSite(folders, { csp = STRICT_CSP, headers = {}, files = {} } = {}) {
  const mounts = Object.entries(folders).sort(([a], [b]) => b.length - a.length);
  return startServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const path = pathname === '/' ? '/index.html' : pathname;
    response.setHeaders(new Headers({ ...headers, 'content-security-policy': csp }));
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    const content = files[path.slice(1)];
    if (typeof content === 'function') return void content(response);
    if (content !== undefined) return void response.end(content);
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    const [mount, folder] = mounts.find(([mount]) => path.startsWith(mount)) ?? [];
    const file = folder && resolve(folder, path.slice(mount.length));
    if (!file?.startsWith(resolve(folder)) || !existsSync(file)) {
      return void response.writeHead(404).end('There is no such file.');
    }
    createReadStream(file).pipe(response);
  });
}

/** The package in dist/, once more in `copy`, whose files may be others; the fixtures, and the page of this folder. */
export const startTestSite = ({ copy = 'copy', ...options } = {}) =>
  startSite(
    {
      '/vitreous/': here('../../../dist/'),
      [`/${copy}/`]: here('../../../dist/'),
      '/fixtures/': here('../../fixtures/'),
      '/': here('page/'),
    },
    options,
  );

/** A page in a context of its own, and a list of errors, violations and requests that leave the site. */
export async function openSite(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    // Chromium tells of its software WebGL that it is slow.
    if (message.text().includes('GL Driver Message')) return;
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (!/^(blob|data):$/.test(protocol) && !url.startsWith(origin))
      problems.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  await page.evaluate(() => globalThis.ready);
  return { page, problems, close: () => context.close() };
}

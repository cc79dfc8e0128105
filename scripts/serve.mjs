// A static file server for the demo and the tests.
//   node scripts/serve.mjs [FOLDER] [PORT]
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/plain; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
};

// Cross-origin isolation: what SharedArrayBuffer, and with it threads, ask for.
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const PORTS_TRIED = 20;

/**
 * Serves files until `close()`.
 * @param {object} options
 * @param {string} [options.root] the folder served at `/`
 * @param {Record<string, string>} [options.mounts] more folders, by the path they are served at: `{ '/x/': folder }`
 * @param {number} [options.port] the next free one is taken if it is in use; 0: any. Default 8080
 * @param {boolean} [options.isolated] send the headers of cross-origin isolation. Default true
 * @param {string} [options.host] default 127.0.0.1: reachable from this machine only
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function serve({ root, mounts = {}, port = 8080, isolated = true, host = '127.0.0.1' }) {
  const folders = Object.entries({ ...mounts, ...(root && { '/': root }) })
    .map(([path, folder]) => [path.endsWith('/') ? path : `${path}/`, resolve(folder)])
    .sort(([a], [b]) => b.length - a.length);
  const server = createServer((request, response) => {
    answer(request, response, folders, isolated ? ISOLATION : {}).catch((error) => {
      // The visitor closed the connection, or the file could not be read to its end.
      if (!response.headersSent) response.writeHead(500).end(String(error.message));
      else response.destroy();
    });
  });
  const taken = await listen(server, port, host);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`,
    port: taken,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function listen(server, port, host) {
  for (let tried = port; ; tried++) {
    try {
      await new Promise((done, failed) => {
        server.once('error', failed);
        server.listen(tried, host, () => {
          server.off('error', failed);
          done();
        });
      });
      return server.address().port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || tried >= port + PORTS_TRIED) throw error;
    }
  }
}

async function answer(request, response, folders, headers) {
  const fail = (status, text) => {
    const body = `<!doctype html><meta charset="utf-8"><title>${status}</title><h1>${status}</h1><p>${text}</p>`;
    response.writeHead(status, { ...headers, 'Content-Type': TYPES['.html'] });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return fail(405, 'Only GET and HEAD are answered.');
  const found = await find(request.url, folders);
  if (found === undefined) return fail(404, 'There is no such file. <a href="/">To the start</a>');

  const { path, size, etag } = found;
  const common = { ...headers, ETag: etag, 'Cache-Control': 'no-cache', 'Accept-Ranges': 'bytes' };
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, common).end();
  const range = parseRange(request.headers.range, size);
  if (range === null) {
    return response.writeHead(416, { ...common, 'Content-Range': `bytes */${size}` }).end();
  }
  const [start, end] = range ?? [0, size - 1];
  response.writeHead(range ? 206 : 200, {
    ...common,
    'Content-Type': TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': end - start + 1,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) return response.end();
  await pipeline(createReadStream(path, { start, end }), response);
}

/** The file that a request names, undefined if there is none; nothing outside the folders is ever looked at. */
async function find(url, folders) {
  let pathname;
  try {
    // Not by `new URL`, which would fold `..` away before it can be seen.
    pathname = decodeURIComponent(url.split(/[?#]/)[0]);
  } catch {
    return undefined;
  }
  if (pathname.includes('\0') || pathname.includes('\\')) return undefined;
  for (const [prefix, folder] of folders) {
    if (!pathname.startsWith(prefix)) continue;
    let path = join(folder, pathname.slice(prefix.length));
    if (path !== folder && !path.startsWith(folder + sep)) return undefined;
    try {
      let stats = await stat(path);
      if (stats.isDirectory()) {
        path = join(path, 'index.html');
        stats = await stat(path);
      }
      const { size, mtimeMs } = stats;
      return { path, size, etag: `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"` };
    } catch {}
  }
  return undefined;
}

/** `[first, last]` byte of a single range, null if it cannot be satisfied, undefined for none or several: all. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || match[0] === 'bytes=-') return undefined;
  const [, from, to] = match;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start <= end ? [start, end] : null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder = '.', port = '8080'] = process.argv;
  const { url } = await serve({ root: folder, port: Number(port) });
  process.stdout.write(`Serving ${resolve(folder)} at ${url}\n`);
}

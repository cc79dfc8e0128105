// A web server for files, as honest as a good CDN (ranges, validators), until a test sets a fault.
import { createHash } from 'node:crypto';
import { startServer } from './server.mjs';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * @param {Record<string, Uint8Array | string>} files by path, without the first slash; may be changed while it runs
 * @returns `url`; `log`, one `{ path, range, headers, status, sent }` for each request; `faults`, each asked once in turn:
 *   `(request, response, file) => …`, and used up unless it returns 'again'; and `options`
 */
export async function startFileServer(files) {
  const log = [];
  const faults = [];
  const options = { etag: true, lastModified: false, ranges: true, length: true };
  const server = await startServer((request, response) => {
    const path = decodeURI(request.url.slice(1).split('?')[0]);
    const entry = { path, range: request.headers.range, headers: request.headers, status: 0, sent: 0 };
    log.push(entry);
    const { write } = response;
    response.write = function (chunk, ...rest) {
      entry.sent += chunk.length;
      return write.call(this, chunk, ...rest);
    };
    response.on('close', () => {
      entry.status = response.statusCode;
    });
    const body = files[path] === undefined ? undefined : Buffer.from(files[path]);
    const fault = path.endsWith('.safetensors') ? faults.shift() : undefined;
    if (fault) {
      if (fault(request, response, body) === 'again') faults.unshift(fault);
      return;
    }
    serveFile(request, response, body, options);
  });
  const close = server.close;
  return { ...server, log, faults, options, files, close };
}

/** Answers as a good server does; `cut`: breaks the connection after so many bytes of the body. */
export function serveFile(request, response, body, options = {}, cut = Number.POSITIVE_INFINITY) {
  const { etag = true, lastModified = false, ranges = true, length = true } = options;
  if (body === undefined) return void response.writeHead(404).end('There is no such file.');
  const tag = `"${sha256(body).slice(0, 16)}"`;
  if (etag) response.setHeader('etag', tag);
  if (lastModified) response.setHeader('last-modified', lastModified);
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  const same = condition === undefined || condition === tag || condition === lastModified;
  let from = 0;
  if (asked && ranges && same) {
    from = Number(asked[1]);
    if (from >= body.length) {
      return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    }
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${from}-${body.length - 1}/${body.length}`);
  }
  if (length) response.setHeader('content-length', body.length - from);
  const part = body.subarray(from);
  if (cut >= part.length) {
    response.write(part);
    response.end();
  } else {
    response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 100));
  }
}

/** A fault: the body ends after so many bytes, with the connection. */
export const cutAfter = (bytes, options) => (request, response, body) =>
  serveFile(request, response, body, options, bytes);

export const answer =
  (status, headers = {}, body = '') =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

export const again =
  (fault) =>
  (...args) => {
    fault(...args);
    return 'again';
  };

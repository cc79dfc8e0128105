// A hub on loopback that answers as badly as a scenario asks for.
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { startServer } from '../js/support/server.mjs';

export const REPO = 'faults/tiny';
const FOLDER = `${REPO}/resolve/main/`;
const PATHS = {
  [`${FOLDER}model.safetensors`]: 'model',
  [`moved/${FOLDER}model.safetensors`]: 'moved',
  [`${FOLDER}config.json`]: 'config',
  [`api/models/${REPO}/revision/main`]: 'record',
};
/** Of a request for each of the files, below the hub's address. */
export const paths = Object.keys(PATHS);

const ENCODERS = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  // Without compression: longer than what it holds.
  'gzip, stored': (bytes) => gzipSync(bytes, { level: 0 }),
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
};

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * One answer's deviations from an honest one. `{}` is honest.
 * @typedef {object} Fault
 * @property {boolean} [always] every request from here on; else this fault is for one
 * @property {Uint8Array | string | ((file: Buffer) => Uint8Array)} [body] in the file's place; its ETag and length fit
 * @property {number} [status]
 * @property {Record<string, string>} [headers] besides, or instead
 * @property {'nothing' | 'reset'} [answer] no answer at all: silence, or the connection torn down
 * @property {number} [cut] the connection is torn down after so many bytes of the body; below 1 a share of the file
 * @property {number} [stall] silence after so many bytes; below 1 a share of the file
 * @property {number} [end] the body ends after so many bytes as if that were all: without Content-Length
 * @property {(bytes: number) => number} [length] what Content-Length says instead; `() => undefined`: chunked
 * @property {keyof ENCODERS} [encoding]
 * @property {string} [redirect] where to; relative to this server, whose port PORT stands for
 * @property {boolean} [ranges] false: Range is ignored
 * @property {(from: number, size: number) => string | undefined} [contentRange] what Content-Range says instead
 * @property {number} [early] a range begins so many bytes before what was asked for, and says so
 * @property {number} [most] a range is answered with so many bytes at most
 * @property {string | false} [etag] another one; false: none
 * @property {string} [lastModified]
 * @property {boolean} [cors] false: no leave for other origins
 * @property {boolean} [expose] false: no header that a page of another origin may not read anyway
 * @property {{ bytes: number, ms: number }} [drip] in pieces, so often
 */

/**
 * @param {{ checkpoint: Buffer, config: string }} repository
 * @returns `url`; `log`, one `{ file, range, ifRange, sent }` for each request, `sent` in bytes of the body that the
 *   socket took; `set({ model, config, record, moved, standing, recorded })`: lists of faults by file, what holds for all
 *   answers with the checkpoint, and what the record tells of it; `set()` makes an honest server of it; and
 *   `answer(request, response, path)` for another server that hands on
 */
export async function startFaultServer({ checkpoint, config }) {
  const log = [];
  let faults;
  let standing;
  let files;
  const set = ({ standing: always = {}, recorded, ...lists } = {}) => {
    const list = (file) => [...(lists[file] ?? [])];
    faults = { model: list('model'), moved: list('moved'), config: list('config'), record: list('record') };
    standing = always;
    const record = recordOf(checkpoint, recorded);
    files = { model: checkpoint, moved: checkpoint, config: Buffer.from(config), record };
    log.length = 0;
  };
  const next = (file) => {
    const fault = faults[file][0] ?? {};
    if (!fault.always) faults[file].shift();
    return file === 'model' || file === 'moved' ? { ...standing, ...fault } : fault;
  };
  const answer = async (request, response, path) => {
    if (request.method === 'OPTIONS') {
      const leave = {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': '*, authorization',
      };
      return void response.writeHead(204, leave).end();
    }
    const file = PATHS[path];
    const { range, 'if-range': ifRange } = request.headers;
    const entry = { file: file ?? path, range, ifRange, sent: 0 };
    log.push(entry);
    response.on('error', () => {}); // the client has gone
    await respond({ request, response, entry }, file && files[file], file && next(file));
  };
  const server = await startServer((request, response) =>
    answer(request, response, decodeURI(request.url.slice(1).split('?')[0])),
  );
  set();
  return { ...server, log, set, answer };
}

/** The hub's record of the repository. `recorded`: false, none; an object, other claims about the checkpoint. */
function recordOf(checkpoint, recorded = {}) {
  if (recorded === false) return undefined;
  const truth = { size: checkpoint.length, sha256: sha256(checkpoint), ...recorded };
  const siblings = [{ rfilename: 'config.json' }, { rfilename: 'model.safetensors', lfs: truth }];
  return Buffer.from(JSON.stringify({ siblings }));
}

async function respond({ request, response, entry }, file, fault = {}) {
  const { cors = true, expose = true } = fault;
  if (fault.answer === 'nothing') return;
  if (fault.answer === 'reset') return void response.destroy();
  if (cors) response.setHeader('access-control-allow-origin', '*');
  // What the Hugging Face hub exposes.
  if (cors && expose)
    response.setHeader('access-control-expose-headers', 'ETag, Accept-Ranges, Content-Range');
  for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
  if (fault.redirect) {
    return void response
      .writeHead(302, { location: fault.redirect.replace('PORT', request.socket.localPort) })
      .end();
  }
  const whole = file === undefined || fault.body === undefined ? file : Buffer.from(bodyOf(fault.body, file));
  if (fault.status >= 300) return void response.writeHead(fault.status).end('Not now.');
  if (whole === undefined) return void response.writeHead(404).end('There is no such file.');
  await send(response, entry, part(request, response, whole, fault), { ...fault, size: whole.length });
}

const bodyOf = (body, file) => (typeof body === 'function' ? body(file) : body);

/** Sets status and headers; returns the bytes that were asked for. */
function part(
  request,
  response,
  whole,
  { etag, lastModified, ranges = true, contentRange, early = 0, most, status },
) {
  const tag = etag ?? `"${sha256(whole).slice(0, 16)}"`;
  if (tag) response.setHeader('etag', tag);
  if (lastModified) response.setHeader('last-modified', lastModified);
  if (status) response.statusCode = status;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  const same = condition === undefined || condition === tag || condition === lastModified;
  if (!asked || !ranges || !same) return whole;
  const from = Number(asked[1]) - early;
  if (from >= whole.length) {
    response.statusCode = 416;
    response.setHeader('content-range', `bytes */${whole.length}`);
    return Buffer.alloc(0);
  }
  const bytes = whole.subarray(from, from + (most ?? whole.length));
  response.statusCode = 206;
  const honest = `bytes ${from}-${from + bytes.length - 1}/${whole.length}`;
  const range = contentRange ? contentRange(from, whole.length) : honest;
  if (range !== undefined) response.setHeader('content-range', range);
  return bytes;
}

async function send(response, entry, bytes, { encoding, length, cut, stall, end, drip, size }) {
  let body = bytes;
  if (encoding) {
    body = ENCODERS[encoding](bytes);
    response.setHeader('content-encoding', encoding.split(',')[0]);
  }
  const claimed = length ? length(body.length) : body.length;
  if (claimed !== undefined && end === undefined) response.setHeader('content-length', claimed);
  if (claimed !== body.length) response.setHeader('connection', 'close');
  const broken = cut !== undefined || claimed > body.length;
  const stop = [cut, stall, end].find((at) => at !== undefined);
  if (stop !== undefined) body = body.subarray(0, stop < 1 ? Math.floor(stop * size) : stop);
  response.flushHeaders();
  const step = drip?.bytes ?? body.length;
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    const piece = body.subarray(at, at + step);
    await written(response, piece);
    entry.sent += piece.length;
    if (drip) await setTimeout(drip.ms);
  }
  if (stall !== undefined) return;
  if (broken) {
    await setTimeout(10); // or the client might not see even the headers
    response.destroy();
  } else {
    response.end();
  }
}

/** Resolves when the socket has taken the bytes, or is gone. */
const written = (response, bytes) =>
  new Promise((done) => {
    response.once('close', done);
    response.write(bytes, () => {
      response.off('close', done);
      done();
    });
  });

// A download over a bad network ends in the right model, and what is here is not asked for again.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { describe, expect, jest, test } from '@jest/globals';
import { deleteFromCache, env } from '../../dist/node.mjs';
import { again, answer, cutAfter, serveFile, sha256 } from './support/file_server.mjs';
import { checkpoint, FILE, useNetwork } from './support/network.mjs';
import { changed } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

const shared = useNetwork();
const size = checkpoint.length;

describe('a connection that breaks', () => {
  test('continues from the byte reached, under the file’s ETag', async () => {
    shared.server.faults.push(cutAfter(4e6), cutAfter(3e6));
    await shared.load();
    expect(shared.requests()).toEqual([FILE, `${FILE} bytes=4000000-`, `${FILE} bytes=7000000-`]);
    expect(shared.server.log[1].headers['if-range']).toBe(`"${sha256(checkpoint).slice(0, 16)}"`);
    shared.sentOnce();
  });

  test('or its Last-Modified', async () => {
    const lastModified = 'Mon, 02 Nov 2026 08:00:00 GMT';
    Object.assign(shared.server.options, { etag: false, lastModified });
    shared.server.faults.push(cutAfter(4e6, shared.server.options));
    await shared.load();
    expect(shared.server.log[1].headers['if-range']).toBe(lastModified);
    shared.sentOnce();
  });

  test('without either starts over, and is compared with what is here', async () => {
    shared.server.options.etag = false;
    shared.server.faults.push(cutAfter(4e6, { etag: false }));
    await shared.load();
    expect(shared.server.log[1].range).toBeUndefined();
  });

  test('where the server ignores Range', async () => {
    shared.server.options.ranges = false;
    shared.server.faults.push(cutAfter(4e6));
    await shared.load();
    expect(shared.requests()).toEqual([FILE, `${FILE} bytes=4000000-`]);
  });

  test('without a length, as if the file were over', async () => {
    shared.server.options.length = false;
    shared.server.faults.push((_request, response, body) => {
      // HTTP/1.0: the end of the connection is the end of the body.
      const { socket } = response;
      socket.end(
        Buffer.concat([
          Buffer.from(`HTTP/1.0 200 OK\r\netag: "${sha256(body).slice(0, 16)}"\r\nconnection: close\r\n\r\n`),
          body.subarray(0, 5e6),
        ]),
      );
      response.detachSocket(socket);
    });
    await shared.load();
    expect(shared.requests()).toEqual([FILE, `${FILE} bytes=5000000-`]);
  });

  test.each([
    ['a wrong start', (from) => `bytes ${from - 1}-${size - 1}/${size}`],
    ['a wrong total', (from) => `bytes ${from}-${size - 1}/${size + 1}`],
    ['nonsense', () => 'bytes all'],
    ['nothing', () => undefined],
  ])('a 206 with %s in Content-Range is not used', async (_, range) => {
    shared.server.faults.push(cutAfter(4e6), (request, response, body) => {
      const contentRange = range(Number(/\d+/.exec(request.headers.range)));
      if (contentRange) response.setHeader('content-range', contentRange);
      response
        .setHeader('etag', `"${sha256(body).slice(0, 16)}"`)
        .writeHead(206)
        .end(body.subarray(3e6));
    });
    await shared.load();
    expect(shared.requests()).toEqual([FILE, `${FILE} bytes=4000000-`, FILE]);
  });

  test('when the file changes meanwhile: the new one, from its start', async () => {
    shared.server.faults.push((request, response, body) => {
      serveFile(request, response, body, {}, 4e6);
      shared.server.files[FILE] = checkpoint; // the true one
    });
    shared.server.files[FILE] = changed((_entries, data) => void data.fill(0, 100, 5000));
    await shared.load();
    expect(shared.requests()).toEqual([FILE, `${FILE} bytes=4000000-`, FILE]);
    expect((await shared.entry()).sha256).toBe(sha256(checkpoint));
  });

  test.each([true, false])('also without validators; where it is kept: %s', async (cache) => {
    shared.server.options.etag = false;
    shared.server.faults.push((request, response, body) => {
      serveFile(request, response, body, { etag: false }, 4e6);
      shared.server.files[FILE] = checkpoint;
    });
    shared.server.files[FILE] = changed((_entries, data) => void data.fill(0, 100, 5000));
    await shared.load({ cache });
    if (cache) expect((await shared.entry()).sha256).toBe(sha256(checkpoint));
  });

  test('again and again: an error in the end, and the part waits', async () => {
    shared.server.faults.push(cutAfter(4e6), again(cutAfter(0)));
    await shared.fail('NETWORK', /model\.safetensors/);
    expect(shared.server.log).toHaveLength(1 + env.retries);
    shared.server.faults.length = 0;
    await shared.load();
    expect(shared.requests().at(-1)).toBe(`${FILE} bytes=4000000-`);
    shared.sentOnce();
  });

  test('tries are counted from the last byte that came', async () => {
    for (let i = 0; i < 20; i++) shared.server.faults.push(cutAfter(5e5));
    await shared.load();
    expect(shared.server.log).toHaveLength(21);
    shared.sentOnce();
  });
});

describe('a part of an earlier load', () => {
  async function leavePart(bytes = 4e6) {
    shared.server.faults.push(cutAfter(bytes, shared.server.options), again(answer(503)));
    await shared.fail('HTTP_STATUS', /503/);
    shared.server.faults.length = 0;
    shared.server.log.length = 0;
    const entry = await shared.entry();
    expect(entry.complete).toBe(false);
    expect(Math.abs(entry.bytes - bytes)).toBeLessThan(2e5);
  }

  test('is continued', async () => {
    await leavePart();
    await shared.load();
    expect(shared.requests()).toEqual([`${FILE} bytes=4000000-`]);
    expect((await shared.entry()).sha256).toBe(sha256(checkpoint));
  });

  test('of a file that has changed is dropped', async () => {
    shared.server.files[FILE] = changed((_entries, data) => void data.fill(0, 100, 5000));
    await leavePart();
    shared.server.files[FILE] = checkpoint;
    await shared.load();
    expect(shared.requests()).toEqual([`${FILE} bytes=4000000-`]);
    shared.sentOnce();
  });

  test('without a validator is dropped', async () => {
    shared.server.options.etag = false;
    await leavePart();
    await shared.load();
    expect(shared.requests()).toEqual([FILE]);
  });

  test('longer than the file is dropped', async () => {
    await leavePart(9e6);
    const { fail } = shared;
    shared.server.files[FILE] = checkpoint.subarray(0, 8e6);
    await fail('CHECKPOINT_TRUNCATED', /./);
    expect(await shared.entry()).toBeUndefined();
    shared.server.files[FILE] = checkpoint;
    await shared.load();
  });
});

describe('a busy server', () => {
  test.each([408, 429, 500, 502, 503, 504])('%s is tried again', async (status) => {
    shared.server.faults.push(answer(status), answer(status));
    await shared.load();
    expect(shared.server.log).toHaveLength(3);
  });

  test('Retry-After is honoured, in seconds and as a date', async () => {
    const start = Date.now();
    shared.server.faults.push(answer(429, { 'retry-after': '1' }));
    await shared.load();
    expect(Date.now() - start).toBeGreaterThanOrEqual(1000);
    await deleteFromCache();
    const later = Math.ceil(Date.now() / 1000 + 1) * 1000;
    shared.server.faults.push(answer(503, { 'retry-after': new Date(later).toUTCString() }));
    await shared.load();
    expect(Date.now()).toBeGreaterThanOrEqual(later);
  });

  test('one that asks for an hour gets none', async () => {
    shared.server.faults.push(answer(429, { 'retry-after': '3600' }));
    await shared.fail('HTTP_STATUS', /429.*wait 3600 s/);
    await shared.load();
  });

  test('AbortSignal ends the waiting', async () => {
    const controller = new AbortController();
    shared.server.faults.push((_, response) => {
      response.writeHead(503, { 'retry-after': '100' }).end();
      setTimeout(() => controller.abort(), 50);
    });
    await shared.fail('ABORTED', /AbortSignal/, { signal: controller.signal });
  });
});

test('a stall counts as broken', async () => {
  env.stallTimeout = 200;
  shared.server.faults.push(
    () => {}, // no answer at all
    (_request, response, body) => {
      response.writeHead(200, { 'content-length': body.length, etag: `"${sha256(body).slice(0, 16)}"` });
      response.write(body.subarray(0, 4e6));
    },
  );
  await shared.load();
  expect(shared.requests()).toEqual([FILE, FILE, `${FILE} bytes=4000000-`]);
});

describe('a compressed transfer', () => {
  const encodings = {
    gzip: gzipSync(checkpoint, { level: 1 }),
    br: brotliCompressSync(checkpoint, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  };
  const encoded = (encoding) => (_, response) =>
    response
      .writeHead(200, {
        'content-encoding': encoding,
        'content-length': encodings[encoding].length,
        etag: '"1"',
      })
      .end(encodings[encoding]);

  test.each(['gzip', 'br'])('%s: the total is the file’s own', async (encoding) => {
    shared.server.faults.push(encoded(encoding));
    const seen = [];
    await shared.load({ onProgress: (progress) => seen.push(progress) });
    for (const { loaded, total } of seen) {
      expect(total).toBe(size);
      expect(loaded).toBeLessThanOrEqual(size);
    }
    expect(await shared.load()).toMatchObject({ cached: true });
  });

  test('that breaks starts over without Range', async () => {
    shared.server.faults.push((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', etag: '"1"' });
      response.write(encodings.gzip.subarray(0, 3e6), () => setTimeout(() => response.destroy(), 20));
    }, encoded('gzip'));
    await shared.load();
    expect(shared.requests()).toEqual([FILE, FILE]);
  });
});

describe('progress', () => {
  const record = async (options = {}) => {
    const seen = [];
    await shared.load({ ...options, onProgress: (progress) => seen.push(progress) });
    const loaded = seen.map((progress) => progress.loaded);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(seen.slice(-2).map(({ stage }) => stage)).toEqual(['verify', 'pack']);
    for (const { loaded, total } of seen) {
      expect(loaded).toBeLessThanOrEqual(total);
      expect(total).toBe(size);
    }
    expect(seen.at(-1)).toMatchObject({ loaded: size, total: size });
    return seen;
  };

  test('speed and remaining time', async () => {
    shared.server.faults.push((_, response, body) => {
      response.writeHead(200, { 'content-length': body.length });
      let at = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(at, at + 1e6));
        at += 1e6;
        if (at < size) return;
        clearInterval(timer);
        response.end();
      }, 50);
    });
    const seen = await record();
    const measured = seen.filter(({ bytesPerSecond }) => bytesPerSecond !== undefined);
    expect(measured.length).toBeGreaterThan(1);
    for (const { bytesPerSecond, remainingSeconds, loaded } of measured) {
      expect(remainingSeconds).toBeCloseTo((size - loaded) / bytesPerSecond);
    }
    expect(seen.length).toBeLessThan(20); // about ten a second
    expect(seen.every(({ cached }) => !cached)).toBe(true);
    expect((await record()).every(({ cached }) => cached)).toBe(true);
  });

  test('does not fall back when a file is started over', async () => {
    shared.server.options.ranges = false;
    shared.server.faults.push(cutAfter(8e6));
    await record();
    await deleteFromCache();
    shared.server.options.length = false;
    await record();
  });
});

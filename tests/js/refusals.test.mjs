// What is not the file is refused by its own name, never kept, and the next honest try gives the model.
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { env, listCache } from '../../dist/node.mjs';
import { again, answer } from './support/file_server.mjs';
import { checkpoint, FILE, NANO, useNetwork } from './support/network.mjs';
import { changed } from './support/safetensors.mjs';
import { startServer } from './support/server.mjs';

jest.setTimeout(180_000); // for a machine with other work

const shared = useNetwork();
const page =
  '<!doctype html><html><title>Sign in</title><body>Please sign in to see this file.</body></html>';
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 343211002\n`;
const json = JSON.stringify({
  error: 'Rate limit',
  message: 'You have asked too often. Please come back later.',
});

/** After each failure: nothing is kept, and the honest server's model loads. */
const honest = () => {
  afterEach(async () => {
    expect(await listCache()).toEqual([]);
    shared.server.faults.length = 0;
    await shared.load({}, NANO);
  });
};

describe('a server', () => {
  honest();
  test.each([
    ['404', answer(404, {}, 'gone'), 'NOT_FOUND', /model\.safetensors answered 404/],
    ['410', answer(410), 'NOT_FOUND', /410/],
    ['401', answer(401), 'UNAUTHORIZED', /401.*token/],
    ['403', answer(403), 'UNAUTHORIZED', /403/],
    ['418', answer(418), 'HTTP_STATUS', /418/],
    ['500 for ever', again(answer(500)), 'HTTP_STATUS', /500.*later/],
    ['429 for ever', again(answer(429)), 'HTTP_STATUS', /429/],
    ['a page', answer(200, { 'content-type': 'text/html; charset=utf-8' }, page), 'HTML_PAGE', /web page/],
    [
      'a page that it calls bytes',
      answer(200, { 'content-type': 'application/octet-stream' }, page),
      'HTML_PAGE',
      /web page/,
    ],
    ['a very short page', answer(200, {}, '<html></html>'), 'HTML_PAGE', /web page/],
    ['a JSON message', answer(200, { 'content-type': 'application/json' }, json), 'JSON_BODY', /Rate limit/],
    ['a Git LFS pointer', answer(200, {}, pointer), 'LFS_POINTER', /git lfs pull/],
    ['no byte', answer(200, { 'content-length': '0' }), 'EMPTY_FILE', /0 bytes/],
    [
      'half of the file',
      answer(200, { 'content-length': 5e6 }, checkpoint.subarray(0, 5e6)),
      'CHECKPOINT_TRUNCATED',
      /5000000 of/,
    ],
    [
      'half of the file in chunks',
      again((_, response) => response.writeHead(200).end(checkpoint.subarray(0, 5e6))),
      'CHECKPOINT_TRUNCATED',
      /5000000 of/,
    ],
    [
      'too much',
      answer(200, {}, Buffer.concat([checkpoint, Buffer.alloc(9)])),
      'CHECKPOINT_FORMAT',
      /after the last tensor/,
    ],
    ['noise', answer(200, {}, Buffer.alloc(5e6, 255)), 'CHECKPOINT_OVERSIZED', /header/],
    [
      'another model',
      answer(
        200,
        {},
        changed((entries) => {
          entries['norm.bias'].shape = [128, 2];
        }),
      ),
      'TENSOR_SHAPE',
      /norm\.bias/,
    ],
    [
      'another dtype',
      answer(
        200,
        {},
        changed((entries) => {
          entries['norm.bias'].dtype = 'F64';
        }),
      ),
      'TENSOR_DTYPE',
      /norm\.bias/,
    ],
    [
      'a redirect to itself',
      again((_, response) => response.writeHead(302, { location: `/${FILE}` }).end()),
      'REDIRECT_LOOP',
      /redirects in a loop/,
    ],
    [
      'an address that is none',
      again(answer(302, { location: 'http://127.0.0.1:1/' })),
      'NETWORK',
      /could not be fetched/,
    ],
  ])('that answers %s', async (_, fault, code, message) => {
    shared.server.faults.push(fault);
    await shared.fail(code, message);
  });

  test('that stalls for ever', async () => {
    const { stallTimeout } = env;
    env.stallTimeout = 400;
    shared.server.faults.push(again(() => {}));
    await shared.fail('NETWORK', /Nothing came/);
    env.stallTimeout = stallTimeout;
  });
});

test('a server that is not there', async () => {
  const gone = await startServer(() => {});
  await gone.close();
  await shared.fail('NETWORK', /ECONNREFUSED/, { weights: `${gone.url}${FILE}` });
});

test('https where http is spoken', async () => {
  await shared.fail('NETWORK', /could not be fetched/, { weights: shared.url.replace('http:', 'https:') });
});

describe('headers', () => {
  test('go to the URL’s origin, and no further', async () => {
    const seen = [];
    const other = await startServer((request, response) => {
      seen.push(request.headers);
      response.end(checkpoint);
    });
    shared.server.faults.push((_, response) => response.writeHead(302, { location: `/moved/${FILE}` }).end());
    shared.server.faults.push((_, response) => response.writeHead(307, { location: other.url }).end());
    const headers = { authorization: 'Bearer secret', 'x-token': 'secret' };
    await shared.load({ headers });
    for (const entry of shared.server.log) expect(entry.headers).toMatchObject(headers);
    expect(shared.server.log).toHaveLength(2);
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toContain('secret');
    expect(JSON.stringify(await listCache())).not.toContain('secret');
    await other.close();
  });

  test('open a gated file', async () => {
    const gate = (request, response) => {
      const { authorization } = request.headers;
      if (authorization === 'Bearer right') response.end(checkpoint);
      else response.writeHead(authorization ? 403 : 401).end();
    };
    shared.server.faults.push(again(gate));
    await shared.fail('UNAUTHORIZED', /401/);
    await shared.fail('UNAUTHORIZED', /403/, { headers: { authorization: 'Bearer wrong' } });
    await shared.load({ headers: { authorization: 'Bearer right' } });
  });

  test('a redirect loop with them is one, too', async () => {
    shared.server.faults.push(
      again((_, response) => response.writeHead(302, { location: `/${FILE}` }).end()),
    );
    await shared.fail('REDIRECT_LOOP', /loop/, { headers: { 'x-token': 'secret' } });
  });
});

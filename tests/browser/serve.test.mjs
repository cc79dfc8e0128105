// scripts/serve.mjs, the server of the demo and of these tests.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';

let folder;
let server;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vitreous-serve-'));
  mkdirSync(join(folder, 'site'));
  mkdirSync(join(folder, 'more'));
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'site/index.html'), '<h1>start</h1>');
  writeFileSync(join(folder, 'site/engine.wasm'), '0123456789');
  writeFileSync(join(folder, 'more/model.safetensors'), 'weights');
  server = await serve({ root: join(folder, 'site'), mounts: { '/more/': join(folder, 'more') }, port: 0 });
});

after(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The path is sent as it is written, unlike by fetch. */
const get = (path, { method = 'GET', headers = {}, port = server.port } = {}) =>
  new Promise((done, failed) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      done({ status: response.statusCode, headers: response.headers, body });
    });
    sent.on('error', failed).end();
  });

test('files have their types, folders their index.html, mounts their own folder', async () => {
  const page = await get('/');
  assert.equal(page.body, '<h1>start</h1>');
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal((await get('/engine.wasm')).headers['content-type'], 'application/wasm');
  const weights = await get('/more/model.safetensors?v=1');
  assert.equal(weights.body, 'weights');
  assert.equal(weights.headers['content-type'], 'application/octet-stream');
  assert.equal(weights.headers['content-length'], '7');
});

test('nothing outside the folders is served', async () => {
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/more/../../secret.txt',
    '/..%2fsecret.txt',
    '//secret.txt',
  ]) {
    const { status, body } = await get(path);
    assert.equal(status, 404, path);
    assert.ok(!body.includes('secret'), path);
  }
  assert.equal((await get('/%zz')).status, 404);
  assert.equal((await get('/missing.js')).headers['content-type'], 'text/html; charset=utf-8');
});

test('HEAD, ranges and revalidation', async () => {
  const head = await get('/engine.wasm', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '10']);
  const range = async (bytes) => get('/engine.wasm', { headers: { range: `bytes=${bytes}` } });
  for (const [bytes, body, given] of [
    ['2-4', '234', '2-4'],
    ['7-', '789', '7-9'],
    ['-2', '89', '8-9'],
    ['5-99', '56789', '5-9'],
  ]) {
    const part = await range(bytes);
    assert.deepEqual(
      [part.status, part.body, part.headers['content-range']],
      [206, body, `bytes ${given}/10`],
    );
  }
  assert.equal((await range('10-')).status, 416);
  const again = await get('/engine.wasm', { headers: { 'if-none-match': head.headers.etag } });
  assert.deepEqual([again.status, again.body], [304, '']);
  assert.equal((await get('/', { method: 'POST' })).status, 405);
});

test('the page is cross-origin isolated unless asked not to be; a taken port gives way to the next', async () => {
  const isolation = 'cross-origin-embedder-policy';
  assert.equal((await get('/')).headers[isolation], 'require-corp');
  const plain = await serve({ root: join(folder, 'site'), port: server.port, isolated: false });
  try {
    assert.notEqual(plain.port, server.port);
    assert.equal((await get('/', { port: plain.port })).headers[isolation], undefined);
  } finally {
    await plain.close();
  }
});

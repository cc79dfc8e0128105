// The Node service over real HTTP: good, bad, oversized and waiting requests, and its end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fixture, fixtures } from '../js/support/golden.mjs';
import { assertBoats, BOATS as BOATS_PNG } from '../package/support.mjs';
import { BOATS, BROKEN, partOfBoats, photos, project } from './support.mjs';

const MAX_BYTES = 1e6;
const MAX_HELD = 3;

let example;
let service;
before(async () => {
  example = await project('node-service');
  service = await start();
});
after(async () => {
  service?.child.kill('SIGKILL');
  await example?.remove();
});

/** Starts the service; its URL is in what it says first. */
async function start() {
  const env = { ...process.env, PORT: '0', INDEX: 'test.vix', MAX_BYTES, MAX_HELD };
  const child = spawn(process.execPath, ['server.mjs'], { cwd: example.folder, env });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  const exit = once(child, 'exit');
  for (;;) {
    const url = /http:\/\/\S+/.exec(said)?.[0];
    if (url) return { child, url, exit, said: () => said };
    await Promise.race([
      once(child.stdout, 'data'),
      exit.then(() => Promise.reject(new Error(`The service ended: ${said}`))),
    ]);
  }
}

/** A request whose body is sent by hand; `answer` is its answer. */
function slowly(method, path, headers = {}) {
  // A connection each: one that is kept may be closed while this process waits for the processor.
  const sent = request(service.url + path, { method, headers, agent: false });
  const answer = once(sent, 'response').then(async ([response]) => {
    assert.match(response.headers['content-type'], /application\/json/);
    let text = '';
    for await (const part of response) text += part;
    return { status: response.statusCode, headers: response.headers, ...JSON.parse(text) };
  });
  return { sent, answer };
}

function call(method, path, body = Buffer.alloc(0)) {
  const { sent, answer } = slowly(method, path, { 'content-length': body.length });
  sent.end(body);
  return answer;
}

const boatsPng = () => readFile(fixture(BOATS_PNG));
const boats = () => readFile(join(photos, BOATS));

/** Waits until so many images are held. */
async function waiting(count) {
  while ((await call('GET', '/health')).waiting !== count) await new Promise((done) => setTimeout(done, 20));
}

test('an embedding is timm’s', async () => {
  const { status, model, dim, embedding } = await call('POST', '/embed', await boatsPng());
  assert.deepEqual([status, model, dim], [200, 'vit_nano_patch16_224', 256]);
  const norm = Math.hypot(...embedding);
  assert.ok(Math.abs(norm - 1) < 1e-5);
  const { embedding: golden } = fixtures().find(({ file }) => file === BOATS_PNG);
  assertBoats(embedding.map((value) => value * Math.hypot(...golden)));
});

test('images go in, are found, replaced and taken out', async () => {
  for (const name of [BOATS, 'locomotion-house-cat.jpg', 'allium-oreophilum.jpg']) {
    const { status } = await call(
      'PUT',
      `/images/${encodeURIComponent(`a/${name}`)}`,
      await readFile(join(photos, name)),
    );
    assert.equal(status, 201);
  }
  const again = await call('PUT', `/images/${encodeURIComponent(`a/${BOATS}`)}`, await boats());
  assert.deepEqual([again.status, again.id, again.images], [200, `a/${BOATS}`, 3]);

  const { results } = await call('POST', '/search?k=2', await partOfBoats());
  assert.equal(results.length, 2);
  assert.equal(results[0].id, `a/${BOATS}`);
  assert.ok(results[0].score > results[1].score);

  const gone = await call('DELETE', '/images/a%2Flocomotion-house-cat.jpg');
  assert.deepEqual([gone.status, gone.images], [200, 2]);
  assert.equal((await call('DELETE', '/images/a%2Flocomotion-house-cat.jpg')).error.code, 'NOT_FOUND');
});

test('what is wrong with a request is said', async () => {
  const expected = async (answer, status, code) => {
    const { error, ...rest } = await answer;
    assert.deepEqual([rest.status, error.code], [status, code]);
    assert.ok(error.message);
    return rest;
  };
  await expected(call('POST', '/embed', BROKEN.buffer), 422, 'INVALID_IMAGE');
  await expected(call('PUT', '/images/broken', BROKEN.buffer), 422, 'INVALID_IMAGE');
  await expected(call('POST', '/embed'), 400, 'EMPTY');
  await expected(call('POST', '/search?k=none', await boats()), 400, 'INVALID_ARGUMENT');
  await expected(call('PUT', '/images/%E0%A4%A', await boats()), 400, 'INVALID_ARGUMENT');
  await expected(call('GET', '/nothing'), 404, 'NOT_FOUND');
  await expected(call('PUT', '/images', await boats()), 404, 'NOT_FOUND');
  const { headers } = await expected(call('GET', '/embed'), 405, 'METHOD');
  assert.equal(headers.allow, 'POST');
});

test('an image that is too large is refused, whether its size is announced or not', async () => {
  const large = Buffer.alloc(50 * MAX_BYTES); // more than sockets hold: still being sent when the answer comes
  const announced = await call('POST', '/embed', large);
  assert.deepEqual([announced.status, announced.error.code], [413, 'TOO_LARGE']);
  const { sent, answer } = slowly('POST', '/embed');
  sent.end(large); // in chunks
  const streamed = await answer;
  assert.deepEqual([streamed.status, streamed.error.code], [413, 'TOO_LARGE']);
  assert.equal((await call('GET', '/health')).waiting, 0);
});

test('no more images are held than may be; the next is sent away, and those held are answered', async () => {
  const image = await boatsPng();
  const held = Array.from({ length: MAX_HELD }, () => slowly('POST', '/embed'));
  for (const { sent } of held) sent.write(image.subarray(0, 1000));
  await waiting(MAX_HELD);
  const { status, error, headers } = await call('POST', '/embed', image);
  assert.deepEqual([status, error.code, headers['retry-after']], [503, 'BUSY', '1']);
  for (const { sent } of held) sent.end(image.subarray(1000));
  const answers = await Promise.all(held.map(({ answer }) => answer));
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(MAX_HELD).fill(200),
  );
  assert.equal(new Set(answers.map(({ embedding }) => String(embedding))).size, 1);
});

test('a client that goes away leaves nothing behind', async () => {
  const { sent, answer } = slowly('POST', '/embed');
  sent.write((await boatsPng()).subarray(0, 1000));
  await waiting(1);
  sent.destroy();
  await assert.rejects(answer);
  await waiting(0);
});

test('told to end, it answers what is under way, and nothing is lost', async () => {
  const image = await boats();
  const { sent, answer } = slowly('PUT', '/images/last');
  sent.write(image.subarray(0, 1000));
  await waiting(1);
  service.child.kill('SIGTERM');
  // Whoever comes now is not let in, or told so.
  for (;;) {
    const late = await call('GET', '/health').catch((error) => error);
    if (late instanceof Error) break;
    assert.ok([200, 503].includes(late.status));
  }
  sent.end(image.subarray(1000));
  const { status, headers, id } = await answer;
  assert.deepEqual([status, id, headers.connection], [201, 'last', 'close']);
  assert.deepEqual(await service.exit, [0, null]);
  assert.match(service.said(), /Closed\.\n$/);

  service = await start();
  assert.equal((await call('GET', '/health')).images, 3);
  service.child.kill('SIGTERM');
  assert.deepEqual(await service.exit, [0, null]);
});

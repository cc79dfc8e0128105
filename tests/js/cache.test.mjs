// The cache: a model comes once over the network, and only what is right is kept.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { deleteFromCache, env, listCache } from '../../dist/node.mjs';
import { cutAfter, sha256 } from './support/file_server.mjs';
import { checkpoint, FILE, useNetwork } from './support/network.mjs';
import { runScript } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const shared = useNetwork();
const size = checkpoint.length;

test('the second time no request is made', async () => {
  expect(await shared.load()).toMatchObject({ cached: false, packaged: false });
  expect(await shared.load()).toMatchObject({ cached: true });
  expect(shared.requests()).toEqual([FILE]);
});

test('nor with the server gone', async () => {
  await shared.load();
  await shared.server.close();
  expect(await shared.load()).toMatchObject({ cached: true });
});

test('cache: false neither reads nor writes it', async () => {
  await shared.load();
  await shared.load({ cache: false });
  expect(shared.requests()).toEqual([FILE, FILE]);
  await deleteFromCache();
  await shared.load({ cache: false });
  expect(await listCache()).toEqual([]);
});

test('a folder is cached with its config.json and labels.txt, also where there are no labels', async () => {
  const config = readFileSync(new URL('../../models/vit_nano_patch16_224/config.json', import.meta.url));
  Object.assign(shared.server.files, {
    'm/config.json': config,
    'm/labels.txt': 'a\nb\n',
    [`m/${FILE}`]: checkpoint,
  });
  Object.assign(shared.server.files, { 'n/config.json': config, [`n/${FILE}`]: checkpoint });
  for (const folder of ['m', 'n/']) {
    await shared.load({ weights: `${shared.server.url}${folder}` });
    const asked = shared.server.log.length;
    expect(await shared.load({ weights: `${shared.server.url}${folder}` })).toMatchObject({ cached: true });
    expect(shared.server.log.length).toBe(asked);
  }
});

describe('listCache and deleteFromCache', () => {
  test('tell and free', async () => {
    await shared.load();
    expect(await listCache()).toEqual([
      {
        url: shared.url,
        bytes: size,
        size,
        sha256: sha256(checkpoint),
        complete: true,
        lastUsed: expect.any(Number),
      },
    ]);
    expect(await deleteFromCache('http://elsewhere.test/model.safetensors')).toBe(0);
    expect(await deleteFromCache(shared.url)).toBe(size);
    expect(await listCache()).toEqual([]);
    expect(readdirSync(shared.folder)).toEqual([]);
    await shared.load();
    expect(shared.requests()).toEqual([FILE, FILE]);
  });

  test('by a folder’s address, or all', async () => {
    shared.server.files[`a/${FILE}`] = checkpoint;
    await shared.load();
    await shared.load({ weights: `${shared.server.url}a/${FILE}` });
    expect(await deleteFromCache(`${shared.server.url}a`)).toBe(size);
    expect((await listCache()).map(({ url }) => url)).toEqual([shared.url]);
    expect(await deleteFromCache()).toBe(size);
  });
});

describe('the budget', () => {
  test('is kept by what was used longest ago', async () => {
    const addresses = ['a', 'b', 'c'].map((name) => `${shared.server.url}${name}/${FILE}`);
    for (const name of ['a', 'b', 'c']) shared.server.files[`${name}/${FILE}`] = checkpoint;
    env.cacheBudget = 2.5 * size;
    await shared.load({ weights: addresses[0] });
    await shared.load({ weights: addresses[1] });
    await shared.load({ weights: addresses[0] }); // from the cache: now b is the older
    await shared.load({ weights: addresses[2] });
    expect((await listCache()).map(({ url }) => url).sort()).toEqual([addresses[0], addresses[2]]);
  });

  test('of less than one file keeps none, and the model loads', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    env.cacheBudget = size - 1;
    await shared.load();
    expect(await listCache()).toEqual([]);
    shared.server.options.length = false; // then it is seen only at the end
    await shared.load();
    expect(await listCache()).toEqual([]);
    warn.mockRestore();
  });
});

test('a file that the disk has changed is noticed where the engine refuses it, and comes anew', async () => {
  await shared.load();
  const [name] = readdirSync(shared.folder).filter((file) => !file.includes('.'));
  writeFileSync(join(shared.folder, name), Buffer.alloc(size, 255));
  await shared.load();
  expect(shared.requests()).toEqual([FILE, FILE]);
  expect(sha256(readFileSync(join(shared.folder, name)))).toBe(sha256(checkpoint));
});

test('a file that the disk has lost, or a piece of it, comes anew', async () => {
  await shared.load();
  const [name] = readdirSync(shared.folder).filter((file) => !file.includes('.'));
  truncateSync(join(shared.folder, name), 5e6);
  await shared.load();
  rmSync(join(shared.folder, name));
  await shared.load();
  expect(shared.requests()).toEqual([FILE, FILE, FILE]);
});

test('a damaged manifest is as none', async () => {
  await shared.load();
  const [name] = readdirSync(shared.folder).filter((file) => file.endsWith('.json'));
  writeFileSync(join(shared.folder, name), '{"url": "http');
  await shared.load();
  expect(await shared.entry()).toMatchObject({ complete: true });
});

test('wrong options do not cost the cached file', async () => {
  await shared.load();
  await shared.fail('TENSOR_SHAPE', /head/, { numClasses: 10 });
  expect(await shared.load()).toMatchObject({ cached: true });
});

test('a cache that cannot be written: the model loads, with one warning', async () => {
  // In a process of its own, which has not warned before.
  writeFileSync(join(shared.folder, 'file'), '');
  const { warnings, embeddings } = await runScript('load_url.mjs', {
    args: [shared.url, '2'],
    env: { VITREOUS_CACHE: join(shared.folder, 'file', 'below') },
  });
  expect(warnings).toEqual([expect.stringMatching(/not kept.*without a cache/)]);
  for (const embedding of embeddings) expect(embedding).toEqual(Array.from(shared.expected));
});

describe('processes', () => {
  const load = (count = 1) =>
    runScript('load_url.mjs', { args: [shared.url, String(count)], env: { VITREOUS_CACHE: shared.folder } });

  test('two at once download once', async () => {
    shared.server.faults.push(slowly);
    const results = await Promise.all([load(), load()]);
    for (const { embeddings } of results) expect(embeddings[0]).toEqual(Array.from(shared.expected));
    expect(shared.requests()).toEqual([FILE]);
    expect(results.map(({ cached }) => cached).sort()).toEqual([[false], [true]]);
  });

  test('two models at once in one process download once', async () => {
    shared.server.faults.push(slowly);
    await Promise.all([shared.load(), shared.load(), shared.load()]);
    expect(shared.requests()).toEqual([FILE]);
  });

  test('a killed one leaves a part, which the next one continues', async () => {
    for (const bytes of [3e6, 6e6, 9e6]) {
      shared.server.faults.push((request, response, body) => {
        const from = Number(/\d+/.exec(request.headers.range)?.[0] ?? 0);
        if (from > 0) {
          response.setHeader('content-range', `bytes ${from}-${size - 1}/${size}`);
          response.statusCode = 206;
        }
        response.setHeader('etag', `"${sha256(body).slice(0, 16)}"`).setHeader('content-length', size - from);
        response.write(body.subarray(from, bytes)); // and no more
      });
      await runScript('load_url.mjs', {
        args: [shared.url, '1', 'killed'],
        env: { VITREOUS_CACHE: shared.folder },
        killed: true,
      });
    }
    expect((await shared.entry()).bytes).toBeGreaterThan(8e6);
    expect((await load()).embeddings[0]).toEqual(Array.from(shared.expected));
    shared.sentOnce();
    expect(shared.server.log).toHaveLength(4);
  });
});

/** Half of the file, and the rest a moment later. */
function slowly(_, response, body) {
  response.writeHead(200, { 'content-length': body.length });
  response.write(body.subarray(0, 5e6));
  setTimeout(() => {
    response.write(body.subarray(5e6));
    response.end();
  }, 600);
}

test('an aborted load waits for nobody, and leaves its part', async () => {
  shared.server.faults.push(slowly);
  const first = shared.load();
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  await shared.fail('ABORTED', /AbortSignal/, { signal: controller.signal });
  await first;

  await deleteFromCache();
  shared.server.faults.push(cutAfter(4e6));
  const own = new AbortController();
  await shared.fail('ABORTED', /AbortSignal/, {
    signal: own.signal,
    onProgress: ({ loaded }) => loaded > 3e5 && own.abort(),
  });
  expect(await shared.entry()).toMatchObject({ complete: false });
  await shared.load();
  expect(shared.requests().at(-1)).toMatch(/bytes=\d+-/);
});

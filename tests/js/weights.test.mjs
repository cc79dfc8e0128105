// Every source of weights gives the same model.
import { createReadStream, openAsBlob, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { generatedInput, maxDiff } from './support/golden.mjs';
import { converted, nanoFile } from './support/safetensors.mjs';
import { startServer } from './support/server.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const folder = dirname(nanoFile);
const input = generatedInput();
const bytes = new Uint8Array(readFileSync(nanoFile));

async function embedding(options, name = NANO) {
  const model = await createModel(name, options);
  try {
    return await model.embed(input);
  } finally {
    model.dispose();
  }
}

let expected;
let server;
let scratch;
beforeAll(async () => {
  expected = await embedding({});
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-'));
  server = await startServer((request, response) => {
    const { pathname } = new URL(request.url, server.url);
    const file = join(folder, pathname.replace(/^\/(timm\/[^/]+\/resolve\/main|model)\//, ''));
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) response.writeHead(404).end();
    else createReadStream(file).pipe(response.writeHead(200, { 'content-length': size }));
  });
});
afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true });
});

/** A stream in chunks that cut numbers and names in two. */
const oddChunks = () =>
  Readable.toWeb(
    Readable.from(
      Array.from({ length: Math.ceil(bytes.length / 99_991) }, (_, i) =>
        bytes.subarray(i * 99_991, (i + 1) * 99_991),
      ),
    ),
  );

test.each([
  ['a path', () => nanoFile],
  ['a file URL', () => pathToFileURL(nanoFile)],
  ['the text of a file URL', () => pathToFileURL(nanoFile).href],
  ['an ArrayBuffer', () => bytes.buffer],
  ['a Uint8Array', () => bytes],
  ['a Uint8Array inside a larger buffer', () => new Uint8Array([1, 2, 3, ...bytes, 4]).subarray(3, -1)],
  ['a Buffer', () => readFileSync(nanoFile)],
  ['a Blob', () => new Blob([bytes])],
  ['a file-backed Blob', () => openAsBlob(nanoFile)],
  ['a ReadableStream', () => new Blob([bytes]).stream()],
  ['a ReadableStream of odd chunks', oddChunks],
  ['a Response', () => new Response(bytes)],
  ['a fetched Response', () => fetch(`${server.url}model.safetensors`)],
  ['an http URL', () => `${server.url}model.safetensors`],
  ['an http URL object', () => new URL(`${server.url}model.safetensors?download=true`)],
  ['a folder', () => folder],
  ['the file URL of a folder', () => pathToFileURL(`${folder}/`)],
  ['the http URL of a folder', () => `${server.url}model`],
  ['the http URL of a folder, with a slash', () => `${server.url}model/`],
])('%s', async (_, weights) => {
  expect(await embedding({ weights: await weights() })).toEqual(expected);
});

describe('the caller’s weights stay the caller’s', () => {
  test('bytes are not changed and not detached', async () => {
    const own = bytes.slice();
    await embedding({ weights: own });
    expect(Buffer.compare(own, bytes)).toBe(0);
  });

  test('a stream is read to its end and its lock released', async () => {
    const stream = new Blob([bytes]).stream();
    await embedding({ weights: stream });
    expect(stream.locked).toBe(false);
  });
});

describe('dtypes', () => {
  test('fp32 of the same numbers gives the same bits as fp16', async () => {
    expect(await embedding({ weights: converted('F32') })).toEqual(expected);
  });

  test('bf16 is the same model, coarser', async () => {
    const bf16 = await embedding({ weights: converted('BF16') });
    expect(bf16).not.toEqual(expected);
    expect(maxDiff(bf16, expected)).toBeLessThan(0.5); // 8 bits of 11; the embedding's values reach 5
  });
});

describe('a folder in timm-hub layout', () => {
  test('labels.txt is optional', async () => {
    const bare = join(scratch, 'bare');
    await mkdir(bare);
    for (const name of ['config.json', 'model.safetensors']) await cp(join(folder, name), join(bare, name));
    const model = await createModel('vit_mine', { weights: bare });
    expect(model.labels).toEqual([]);
    expect((await model.classify(pixel))[0].label).toBeUndefined();
    expect(model.info.license).toBe('other');
    expect(model.info.weights).toBe(bare);
    model.dispose();
  });

  test('its config.json counts: another preprocessing, no classifier', async () => {
    const other = join(scratch, 'other');
    await mkdir(other);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    Object.assign(config, { num_classes: 0 });
    Object.assign(config.pretrained_cfg, { crop_pct: 1, mean: [0.5, 0.5, 0.5], interpolation: 'bilinear' });
    await writeFile(join(other, 'config.json'), JSON.stringify(config));
    await cp(nanoFile, join(other, 'model.safetensors'));
    const model = await createModel(NANO, { weights: other });
    expect(model.dataConfig).toMatchObject({ cropPct: 1, mean: [0.5, 0.5, 0.5], interpolation: 'bilinear' });
    expect(model.config.numClasses).toBe(0);
    expect(await model.embed(input)).toEqual(expected);
    model.dispose();
  });

  test('a name of one’s own, where config.json names a known architecture', async () => {
    const own = join(scratch, 'own');
    await mkdir(own);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    await writeFile(join(own, 'config.json'), JSON.stringify({ ...config, architecture: NANO }));
    await cp(nanoFile, join(own, 'model.safetensors'));
    const model = await createModel('mine', { weights: own });
    expect(model.config.name).toBe('mine');
    expect(await model.embed(input)).toEqual(expected);
    model.dispose();
  });
});

const pixel = { data: Uint8Array.of(200, 100, 50), width: 1, height: 1, channels: 3 };

describe('progress', () => {
  async function progressOf(weights) {
    const seen = [];
    await embedding({ weights, onProgress: (progress) => seen.push(progress) });
    expect([...new Set(seen.map(({ stage }) => stage))]).toEqual(['download', 'verify', 'pack']);
    const loaded = seen.map((progress) => progress.loaded);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(loaded.at(-1)).toBe(bytes.length);
    return seen;
  }

  test.each([
    ['a path', () => nanoFile],
    ['bytes', () => bytes],
    ['an http URL', () => `${server.url}model.safetensors`],
  ])('%s: the total is known', async (_, weights) => {
    for (const { total } of await progressOf(weights())) expect(total).toBe(bytes.length);
  });

  test('a stream: the total is known as soon as the file’s header has come', async () => {
    const [first, ...rest] = await progressOf(oddChunks());
    expect(first.total).toBe(bytes.length);
    for (const { total } of rest) expect(total).toBe(bytes.length);
  });
});

// A folder through several processes: the same index as through one; those that die are replaced, none is left behind.
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import sharp from 'sharp';
import { createModel } from '../../dist/node.mjs';
import { ImageIndex, indexFolder } from '../../dist/node-search.mjs';
import { fixture } from './support/golden.mjs';
import { vitreous } from './support/process.mjs';

jest.setTimeout(300_000); // for a machine with other work

const COUNT = 60;
const ALL = { updated: 0, unchanged: 0, removed: 0 };
let model;
let folder;
let index;
beforeAll(async () => {
  model = await createModel('vit_nano_patch16_224', { threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'vitreous-processes-'));
  const photo = sharp(fixture('boats_rgb_320x200.png'));
  for (let i = 0; i < COUNT; i++) {
    const part = photo.clone().extract({ left: i, top: i, width: 120, height: 100 });
    await part.png().toFile(join(folder, `${String(i).padStart(2, '0')}.png`));
  }
  writeFileSync(join(folder, '17 bad.png'), 'This is no picture.');
});
afterAll(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  index = await ImageIndex.create({ model });
});
afterEach(() => index.close());

const collected = async (one) => {
  const all = [];
  for await (const entry of one) all.push(entry);
  return all;
};
const short = ({ failed, ...rest }) => ({ ...rest, failed: failed.map(({ error }) => error.code) });

/** The processes that embed for this one. */
function embedders() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1];
        const program = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent) === process.pid && program.includes('node-embedder.mjs');
      } catch {
        return false; // it is gone
      }
    })
    .map(Number);
}
const whenAllAreGone = async () => {
  while (embedders().length > 0) await new Promise((done) => setTimeout(done, 20));
};

test('makes what one process makes, and skips what has not changed', async () => {
  const one = await ImageIndex.create({ model });
  const expected = short(await indexFolder(one, folder));
  let most = 0;
  const onProgress = () => {
    most = Math.max(most, embedders().length);
  };
  expect(short(await indexFolder(index, folder, { processes: 2, onProgress }))).toEqual(expected);
  expect(expected).toEqual({ ...ALL, added: COUNT, failed: ['INVALID_IMAGE'], restarts: [] });
  expect(most).toBe(2);
  expect(await collected(index)).toEqual(await collected(one));
  await one.close();
  await whenAllAreGone();

  const later = new Date(Date.now() + 60_000);
  for (let i = 0; i < 20; i++) utimesSync(join(folder, `${i + 30}.png`), later, later);
  const before = await collected(index);
  const again = short(await indexFolder(index, folder, { processes: 2 }));
  expect(again).toEqual({ ...ALL, added: 0, unchanged: COUNT, failed: ['INVALID_IMAGE'], restarts: [] });
  const vectors = new Map((await collected(index)).map(({ id, vector }) => [id, vector]));
  for (const { id, vector } of before) expect(vectors.get(id)).toEqual(vector);
});

describe('on Linux, where processes are found by their number', () => {
  test('one that is killed is replaced, and what it was at is done again', async () => {
    let killed = 0;
    const onProgress = ({ done }) => {
      if (killed === 0 && done >= 8) {
        const [first] = embedders();
        process.kill(first, 'SIGKILL');
        killed = first;
      }
    };
    const result = await indexFolder(index, folder, { processes: 2, onProgress });
    expect(killed).toBeGreaterThan(0);
    expect(short({ ...result, restarts: [] })).toEqual({
      ...ALL,
      added: COUNT,
      failed: ['INVALID_IMAGE'],
      restarts: [],
    });
    expect(result.restarts).toEqual([expect.stringMatching(/SIGKILL/)]);
    expect(index.size).toBe(COUNT);
    await whenAllAreGone();
  });

  test('where they die again and again: WORKER_FAILED, and what was done stays', async () => {
    const killer = setInterval(() => {
      for (const pid of embedders()) process.kill(pid, 'SIGKILL');
    }, 10);
    await expect(indexFolder(index, folder, { processes: 2 })).rejects.toMatchObject({
      code: 'WORKER_FAILED',
    });
    clearInterval(killer);
    expect(await indexFolder(index, folder)).toMatchObject({ added: COUNT });
  });

  test('stops at a signal, and none is left', async () => {
    const controller = new AbortController();
    const options = { processes: 2, signal: controller.signal, onProgress: () => controller.abort() };
    await expect(indexFolder(index, folder, options)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(index.size).toBeGreaterThan(0);
    expect(index.size).toBeLessThan(COUNT);
    await whenAllAreGone();
  });
});

test('what makes no sense is refused', async () => {
  for (const processes of [0, 1.5, 'many'])
    await expect(indexFolder(index, folder, { processes })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  const weights = new Response(
    readFileSync(new URL('../../models/vit_nano_patch16_224/model.safetensors', import.meta.url)),
  );
  const streamed = await createModel('vit_nano_patch16_224', { threads: 1, weights });
  const other = await ImageIndex.create({ model: streamed });
  await expect(indexFolder(other, folder, { processes: 2 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/by name, path, address or bytes/),
  });
  expect(await indexFolder(other, folder, { processes: 'auto' })).toMatchObject({ added: COUNT });
  await other.close();
  streamed.dispose();
});

test('the command', async () => {
  const file = join(folder, 'photos.vix');
  const { status, stderr } = await vitreous('index', folder, '-o', file, '--processes', '2');
  expect(stderr).toMatch(/\[INVALID_IMAGE\]\n60 images in .*: 60 added, .* 1 unreadable\n$/);
  expect(status).toBe(1);
  const made = await ImageIndex.open({ path: file, model, readOnly: true });
  expect(made.size).toBe(COUNT);
  await made.close();
  const wrong = await vitreous('index', folder, '-o', file, '--processes', 'some');
  expect([wrong.status, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/--processes takes a whole number/),
  ]);
});

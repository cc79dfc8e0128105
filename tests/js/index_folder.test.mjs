// Folders into an index: what is unchanged is skipped, what is gone removed, what is bad reported; and the commands.
import { copyFileSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import sharp from 'sharp';
import { createModel } from '../../dist/node.mjs';
import { ImageIndex, indexCollection, indexFolder } from '../../dist/node-search.mjs';
import { fixture } from './support/golden.mjs';
import { vitreous } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const BOATS = 'boats_rgb_320x200.png';
const ALLIUM = 'allium_rgba_160x213.png';
const AIRPLANE = 'airplane_grey_320x200.png';

let model;
let folder;
let index;
beforeAll(async () => {
  model = await createModel('vit_nano_patch16_224', { threads: 1 });
});
afterAll(() => model.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitreous-folder-'));
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  copyFileSync(fixture(BOATS), at('boats.png'));
  copyFileSync(fixture(ALLIUM), at('b/flower.PNG'));
  writeFileSync(at('notes.txt'), 'no image, and not taken for one');
  index = await ImageIndex.create({ model });
});
afterEach(async () => {
  await index.close();
  await rm(folder, { recursive: true });
});
const at = (name) => join(folder, 'a', name);
const ids = () => [...index.ids()].sort();

describe('indexFolder', () => {
  test('takes images of subfolders too; once more, only what has changed', async () => {
    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ added: 2, unchanged: 0, failed: [] });
    expect(ids()).toEqual([at('b/flower.PNG'), at('boats.png')]);
    expect((await index.search(fixture(BOATS), { k: 1 }))[0]).toMatchObject({ id: at('boats.png') });

    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ added: 0, unchanged: 2 });
    copyFileSync(fixture(AIRPLANE), at('boats.png')); // another picture under the name
    const embed = jest.spyOn(model, 'embed');
    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ added: 0, updated: 1, unchanged: 1 });
    expect(embed).toHaveBeenCalledTimes(1);
    expect((await index.search(fixture(AIRPLANE), { k: 1 }))[0]).toMatchObject({ id: at('boats.png') });
    // Touched, but the same bytes: it gets its new time, and is not embedded again.
    const { vector } = await index.get(at('b/flower.PNG'));
    const later = new Date(Date.now() + 60_000);
    utimesSync(at('b/flower.PNG'), later, later);
    embed.mockClear();
    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ updated: 0, unchanged: 2 });
    expect(embed).not.toHaveBeenCalled();
    embed.mockRestore();
    const entry = await index.get(at('b/flower.PNG'));
    expect(entry.vector).toEqual(vector);
    expect(entry.metadata.modified).toBeCloseTo(later.getTime(), 0);
  });

  test('follows deletions, but not of what is elsewhere', async () => {
    await index.add({ id: 'mine', image: fixture(BOATS) });
    await indexFolder(index, [join(folder, 'a')]);
    rmSync(at('b'), { recursive: true });
    expect(await indexFolder(index, [join(folder, 'a')])).toMatchObject({ removed: 1, unchanged: 1 });
    expect(ids()).toEqual([at('boats.png'), 'mine'].sort());
    rmSync(at('boats.png'));
    await expect(indexFolder(index, [join(folder, 'a'), join(folder, 'typo')])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(ids()).toContain(at('boats.png')); // nothing is removed for a slip of the pen
  });

  test('a folder in another one counts once', async () => {
    expect(await indexFolder(index, [join(folder, 'a'), at('b')])).toMatchObject({ added: 2, failed: [] });
  });

  test('bad files are listed and skipped; a file that became bad loses its entry', async () => {
    writeFileSync(at('empty.jpg'), '');
    writeFileSync(at('text.jpg'), 'This is no picture.');
    writeFileSync(at('short.png'), readFileSync(fixture(BOATS)).subarray(0, 3000));
    const { failed, ...counts } = await indexFolder(index, join(folder, 'a'));
    expect(counts).toEqual({ added: 2, updated: 0, unchanged: 0, removed: 0, restarts: [] });
    expect(failed.map(({ id, error }) => [id, error.code])).toEqual(
      ['empty.jpg', 'short.png', 'text.jpg'].map((name) => [at(name), 'INVALID_IMAGE']),
    );
    writeFileSync(at('boats.png'), 'no longer a picture');
    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ removed: 1, unchanged: 1 });
    expect(ids()).toEqual([at('b/flower.PNG')]);
  });
});

describe('indexCollection', () => {
  const items = (count) =>
    Array.from({ length: count }, (_, i) => ({
      id: `${i}`.padStart(3, '0'),
      size: 1,
      modified: i,
      image: () => ({ data: new Uint8Array(300).fill(i * 9), width: 10, height: 10, channels: 3 }),
    }));

  test('large images count whole, animated ones by their first frame', async () => {
    const large = { create: { width: 12000, height: 1200, channels: 3, background: '#3070b0' } };
    writeFileSync(at('large.jpg'), await sharp(large).jpeg().toBuffer());
    const frames = await sharp([fixture(BOATS), fixture(AIRPLANE)], { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(frames, { animated: true }).metadata()).pages).toBe(2);
    writeFileSync(at('animated.gif'), frames);
    rmSync(at('boats.png'));
    expect(await indexFolder(index, join(folder, 'a'))).toMatchObject({ added: 3, failed: [] });
    expect(ids()).toContain(at('large.jpg'));
    const [boats] = await index.search(fixture(BOATS), { k: 1 });
    expect(boats).toMatchObject({ id: at('animated.gif') });
    expect(boats.score).toBeGreaterThan(0.9); // of 256 colours
  });

  test('stops at a signal and goes on the next time; progress rises to the total', async () => {
    const controller = new AbortController();
    const seen = [];
    const onProgress = (progress) => {
      seen.push(progress);
      if (progress.done >= 16) controller.abort();
    };
    const options = { signal: controller.signal, onProgress, total: 30 };
    await expect(indexCollection(index, items(30), options)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(index.size).toBe(16);
    expect(seen.map(({ done }) => done)).toEqual([8, 16]);
    expect(seen[1]).toMatchObject({
      total: 30,
      embedded: 16,
      failed: 0,
      remainingSeconds: expect.any(Number),
    });
    expect(await indexCollection(index, items(30), { total: 30 })).toMatchObject({
      added: 14,
      unchanged: 16,
    });
  });

  test('of two with one id the first counts, and the other is told of', async () => {
    const twice = [...items(10), ...items(2)];
    const { added, failed } = await indexCollection(index, twice);
    expect([added, index.size]).toEqual([10, 10]);
    expect(failed.map(({ id, error }) => [id, error.code])).toEqual([
      ['000', 'INVALID_ARGUMENT'],
      ['001', 'INVALID_ARGUMENT'],
    ]);
  });

  test('opens no more than a batch at a time, and waits while it is paused', async () => {
    let opened = 0;
    let most = 0;
    let resume;
    async function* counted() {
      for (const { image, ...item } of items(40)) {
        const open = () => {
          opened++;
          return image();
        };
        yield { ...item, image: open };
        most = Math.max(most, opened - index.size);
      }
    }
    const paused = new Promise((done) => {
      resume = done;
    });
    const work = indexCollection(index, counted(), { pause: () => (index.size >= 24 ? paused : undefined) });
    for (let i = 0; i < 50 && index.size < 24; i++) await new Promise((done) => setTimeout(done, 50));
    await new Promise((done) => setTimeout(done, 300));
    expect(index.size).toBe(24);
    resume();
    await work;
    expect(index.size).toBe(40);
    expect(most).toBeLessThanOrEqual(8);
  });
});

describe('the commands', () => {
  const lines = (stdout) => stdout.toString().trimEnd().split('\n');

  test('index, search, index again', async () => {
    const file = join(folder, 'photos.vix');
    writeFileSync(at('bad.jpg'), 'This is no picture.');
    const first = await vitreous('index', join(folder, 'a'), '-o', file);
    expect([first.status, first.stdout.toString()]).toEqual([1, '']);
    expect(first.stderr).toMatch(
      /^vitreous: .*bad\.jpg .*\[INVALID_IMAGE\]\n2 images in .*: 2 added, .* 1 unreadable\n$/,
    );
    rmSync(at('bad.jpg'));
    const second = await vitreous('index', join(folder, 'a'), '-o', file);
    expect([second.status, second.stderr]).toEqual([0, expect.stringMatching(/0 added, .* 2 unchanged/)]);

    const json = await vitreous('search', file, fixture(BOATS), '--json');
    const found = lines(json.stdout).map((line) => JSON.parse(line));
    expect(found.map((result) => Object.keys(result))).toEqual([
      ['file', 'score'],
      ['file', 'score'],
    ]);
    expect(found[0]).toEqual({ file: at('boats.png'), score: expect.closeTo(1, 5) });
    const text = await vitreous('search', file, fixture(BOATS), '-k', '1');
    expect([text.status, lines(text.stdout)]).toEqual([0, [`1.0000  ${at('boats.png')}`]]);
  });

  test.each([
    [['index', 'somewhere'], 2, /-o FILE/],
    [['index', '-o', 'x.vix'], 2, /No folder/],
    [['search', 'x.vix'], 2, /one IMAGE/],
    [['search', 'x.vix', 'a.png', 'b.png'], 2, /one IMAGE/],
    [['search', '/no/such.vix', 'a.png'], 1, /\[NOT_FOUND\]/],
    [['index', '/no/such/folder', '-o', '/no/such.vix'], 1, /\[WRITE_FAILED\]/],
  ])('%j: exit %i', async (args, status, message) => {
    const result = await vitreous(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

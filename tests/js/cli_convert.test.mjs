// `vitreous convert`, as its own process. The tiny model is numpy's and Hugging Face's: tests/oracle/make_int8_goldens.py.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { convertModel, createModel } from '../../dist/node.mjs';
import { fixture, fixtures } from './support/golden.mjs';
import { cli, run, vitreous } from './support/process.mjs';
import { changed, nanoFile, readSafetensors, safetensors } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const tiny = fileURLToPath(new URL('../goldens/int8', import.meta.url));
const photo = fixture(fixtures()[0].file);
const text = (path) => readFileSync(path, 'utf8');

let scratch;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let folders = 0;
const newFolder = () => join(scratch, `out${folders++}`);
const convert = (from, to, dtype, ...more) => vitreous('convert', from, to, '--dtype', dtype, ...more);

/** Its tensors, `{ name: { dtype, shape, bytes } }`. */
function tensorsOf(path) {
  const { entries, data } = readSafetensors(path);
  delete entries.__metadata__;
  const read = ({ dtype, shape, data_offsets }) => ({ dtype, shape, bytes: data.subarray(...data_offsets) });
  return Object.fromEntries(
    Object.keys(entries)
      .sort()
      .map((name) => [name, read(entries[name])]),
  );
}

async function embeddings(name, options) {
  const model = await createModel(name, { ...options, threads: 1 });
  try {
    return await model.embed(fixtures().map(({ file }) => fixture(file)));
  } finally {
    model.dispose();
  }
}

describe('the packaged model', () => {
  const made = {};
  beforeAll(async () => {
    for (const dtype of ['fp16', 'int8']) {
      made[dtype] = newFolder();
      made[`${dtype} result`] = await convert(NANO, made[dtype], dtype);
    }
  });

  test.each(['fp16', 'int8'])(
    '%s: a folder in timm-hub layout, compared on the package’s photos',
    async (dtype) => {
      const { status, stdout, stderr } = made[`${dtype} result`];
      expect([status, stderr]).toEqual([0, '']);
      const cosines = [...stdout.toString().matchAll(/^(\d\.\d{6}) {2}/gm)].map(([, cosine]) =>
        Number(cosine),
      );
      expect(cosines).toHaveLength(6); // five photos and the mean
      for (const cosine of cosines) expect(cosine).toBeGreaterThan(0.9995);
      expect(stdout.toString()).toContain(dtype === 'int8' ? 'to    6.9 MB' : 'to    10.5 MB');
      expect(await readdir(made[dtype])).toEqual(['config.json', 'labels.txt', 'model.safetensors']);
      const own = (name) => text(join(dirname(nanoFile), name));
      expect(text(join(made[dtype], 'labels.txt'))).toBe(own('labels.txt'));
      expect(JSON.parse(text(join(made[dtype], 'config.json')))).toEqual(JSON.parse(own('config.json')));
    },
  );

  test('int8, loaded as int8, is the original loaded as int8, to the last bit', async () => {
    const expected = await embeddings(NANO, { dtype: 'int8' });
    expect(await embeddings('own', { weights: made.int8, dtype: 'int8' })).toEqual(expected);
    expect(await embeddings('own', { weights: made.int8 })).not.toEqual(expected);
  });

  test('fp16 of fp16 is the same tensors', () => {
    expect(tensorsOf(join(made.fp16, 'model.safetensors'))).toEqual(tensorsOf(nanoFile));
  });

  test.each(['fp16', 'int8'])('%s: works with --model DIR', async (dtype) => {
    const [embed, classify, info] = await Promise.all([
      vitreous('embed', photo, '--model', made[dtype], '--dtype', 'int8'),
      vitreous('classify', photo, '--json', '--model', made[dtype]),
      vitreous('info', '--json', '--model', made[dtype]),
    ]);
    expect([embed.stderr, classify.stderr, info.stderr]).toEqual(['', '', '']);
    expect(embed.stdout).toEqual((await vitreous('embed', photo, '--dtype', 'int8')).stdout);
    expect(JSON.parse(classify.stdout).classes[0].label).toBe(fixtures()[0].top5[0].label);
    expect(JSON.parse(info.stdout)).toMatchObject({ config: { dim: 256, depth: 6 }, labels: 1000 });
  });

  test('int8: the file says its architecture', async () => {
    const file = join(made.int8, 'model.safetensors');
    const { stdout, stderr } = await vitreous('info', '--json', '--model', file);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ config: { dim: 256, depth: 6, heads: 4 }, license: 'other' });
    const fp16 = await vitreous('info', '--model', join(made.fp16, 'model.safetensors'));
    expect([fp16.status, fp16.stderr]).toEqual([2, expect.stringMatching(/--arch/)]);
  });

  test('a file as safetensors’ own readers want it: aligned, without holes', () => {
    for (const dtype of ['fp16', 'int8']) {
      const bytes = readFileSync(join(made[dtype], 'model.safetensors'));
      expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
      const { entries, data } = readSafetensors(join(made[dtype], 'model.safetensors'));
      let end = 0;
      for (const [name, entry] of Object.entries(entries)) {
        if (name === '__metadata__') continue;
        expect(entry.data_offsets[0]).toBe(end);
        expect(end % 4).toBe(0);
        end = entry.data_offsets[1];
      }
      expect(end).toBe(data.length);
    }
  });

  test('made again over the old one; not over another folder, but with --force', async () => {
    const folder = newFolder();
    await cp(made.int8, folder, { recursive: true });
    expect((await convert(tiny, folder, 'fp16', '--photos', photo)).status).toBe(0);
    expect(JSON.parse(text(join(folder, 'config.json'))).num_classes).toBe(5);
    expect((await convert(nanoFile, folder, 'fp16', '--arch', NANO, '--photos', photo)).status).toBe(0);
    expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors']); // no labels of another model
    expect((await convert(tiny, folder, 'fp16', '--photos', photo)).status).toBe(0);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const refused = await convert(NANO, folder, 'int8', '--photos', photo);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringMatching(/not empty.*--force/)]);
    expect(JSON.parse(text(join(folder, 'config.json'))).num_classes).toBe(5);
    expect((await convert(NANO, folder, 'int8', '--force', '--photos', photo)).status).toBe(0);
    expect(JSON.parse(text(join(folder, 'config.json'))).num_classes).toBe(1000);
    expect(text(join(folder, 'notes.txt'))).toBe('mine');
  });

  test('onto itself: refused', async () => {
    for (const from of [made.int8, join(made.int8, 'model.safetensors')]) {
      const { status, stderr } = await convert(from, made.int8, 'fp16', '--force');
      expect([status, stderr]).toEqual([2, expect.stringMatching(/the same/)]);
    }
  });
});

describe('numpy’s tensors, to the last bit', () => {
  test.each(['fp16', 'int8'])('%s', async (dtype) => {
    const folder = newFolder();
    const { status, stderr } = await convert(tiny, folder, dtype, '--photos', photo);
    expect([status, stderr]).toEqual([0, '']);
    expect(tensorsOf(join(folder, 'model.safetensors'))).toEqual(
      tensorsOf(join(tiny, `${dtype}.safetensors`)),
    );
    expect(text(join(folder, 'labels.txt'))).toBe(text(join(tiny, 'labels.txt')));
  });

  test('of the int8 file that Hugging Face’s library wrote, without --arch', async () => {
    const folder = newFolder();
    const { status, stderr } = await convert(
      join(tiny, 'int8.safetensors'),
      folder,
      'int8',
      '--photos',
      photo,
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(tensorsOf(join(folder, 'model.safetensors'))).toEqual(tensorsOf(join(tiny, 'int8.safetensors')));
  });
});

test('a bare file with --arch becomes a folder that says what it is', async () => {
  const folder = newFolder();
  expect((await convert(nanoFile, folder, 'fp16', '--arch', NANO, '--photos', photo)).status).toBe(0);
  expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors']);
  const [own, packaged] = await Promise.all([
    vitreous('embed', photo, '--model', folder),
    vitreous('embed', photo),
  ]);
  expect(own.stdout).toEqual(packaged.stdout);
});

test('several photos after --photos', async () => {
  const { status, stdout } = await convert(tiny, newFolder(), 'fp16', '--photos', photo, photo);
  expect([status, stdout.toString().match(new RegExp(photo, 'g'))]).toEqual([0, [photo, photo]]);
});

// Each channel gets one weight of 5, of an input that is always 0: nothing changes but the steps of its scale.
test('a model that int8 does not suit: exit 1 and why', async () => {
  const file = join(scratch, 'outliers.safetensors');
  const bytes = changed((entries, data) => {
    for (const [name, { shape, data_offsets }] of Object.entries(entries)) {
      if (/norm[12]\./.test(name)) data.writeUInt16LE(0, data_offsets[0]);
      if (!/(qkv|fc1)\.weight/.test(name)) continue;
      for (let row = 0; row < shape[0]; row++)
        data.writeUInt16LE(0x4500, data_offsets[0] + 2 * row * shape[1]);
    }
  });
  await writeFile(file, bytes);
  const { status, stdout, stderr } = await convert(file, newFolder(), 'int8', '--arch', NANO);
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^vitreous: the mean cosine is below 0\.999: .*\n$/),
  ]);
  const mean = Number(/^(.*) {2}mean cosine/m.exec(stdout.toString())[1]);
  expect(mean).toBeGreaterThan(0.5); // so it is the threshold that counts
  expect(mean).toBeLessThan(0.999);
});

describe('what goes wrong leaves nothing behind', () => {
  const write = async (name, bytes) => {
    await writeFile(join(scratch, name), bytes);
    return join(scratch, name);
  };
  const overflow = () =>
    changed((entries, data) => {
      for (const entry of Object.values(entries)) if (entry.dtype === 'F16') entry.dtype = 'BF16'; // 0x7f00: 1.7e38
      data.fill(0);
      data.writeUInt16LE(0x7f00, entries['blocks.2.norm1.bias'].data_offsets[0]);
    });
  const cases = [
    ['a web page', () => write('page.safetensors', '<!doctype html><title>404'), [], /\[HTML_PAGE\]/],
    [
      'a file cut off',
      () => write('cut.safetensors', readFileSync(nanoFile).subarray(0, -9)),
      [],
      /\[CHECKPOINT_TRUNCATED\]/,
    ],
    ['an empty file', () => write('empty.safetensors', safetensors('{}')), [], /\[TENSOR_MISSING\]/],
    [
      'a value beyond fp16',
      async () => write('huge.safetensors', overflow()),
      [],
      /"blocks\.2\.norm1\.bias".*65504.*\[TENSOR_DTYPE\]/,
    ],
    ['no such photo', () => nanoFile, ['--photos', '/no/such.jpg'], /\[INVALID_IMAGE\]/],
  ];
  test.each(cases)('%s', async (_, from, more, message) => {
    const folder = join(newFolder(), 'deep');
    const { status, stdout, stderr } = await convert(await from(), folder, 'fp16', '--arch', NANO, ...more);
    expect([status, stdout.toString()]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    await expect(stat(dirname(folder))).rejects.toThrow('ENOENT');
  });

  test('a full disk; what was there stays', async () => {
    // A limit on the size of files stands for the disk's end: 4096 blocks of 512 bytes.
    const limited = (folder) =>
      run('sh', [
        '-c',
        'ulimit -f 4096; exec "$@"',
        'sh',
        process.execPath,
        cli,
        'convert',
        NANO,
        folder,
        '--dtype',
        'int8',
      ]);
    const folder = newFolder();
    const { status, stderr } = await limited(folder);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/EFBIG.*\[WRITE_FAILED\]\n$/)]);
    await expect(stat(folder)).rejects.toThrow('ENOENT');

    await convertModel('tiny', folder, { weights: tiny, dtype: 'fp16' });
    const before = readFileSync(join(folder, 'model.safetensors'));
    expect((await limited(folder)).status).toBe(1);
    expect(await readdir(folder)).toEqual(['config.json', 'labels.txt', 'model.safetensors']);
    expect(readFileSync(join(folder, 'model.safetensors'))).toEqual(before);
  });

  test('a place where no folder can be', async () => {
    for (const folder of [nanoFile, join(nanoFile, 'deep')]) {
      const { status, stderr } = await convert(NANO, folder, 'fp16');
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/cannot be written: ENOTDIR.*\[WRITE_FAILED\]\n$/),
      ]);
    }
  });

  test('Ctrl-C', async () => {
    // A ViT-S of zeros, 87 MB that take no space: long enough to be interrupted.
    const dim = 384;
    const shapes = {
      cls_token: [1, 1, dim],
      pos_embed: [1, 197, dim],
      'patch_embed.proj.weight': [dim, 3, 16, 16],
    };
    const add = (name, ...shape) =>
      Object.assign(shapes, { [`${name}.weight`]: shape, [`${name}.bias`]: [shape[0]] });
    for (let i = 0; i < 12; i++) {
      for (const norm of ['norm1', 'norm2']) add(`blocks.${i}.${norm}`, dim);
      add(`blocks.${i}.attn.qkv`, 3 * dim, dim);
      add(`blocks.${i}.attn.proj`, dim, dim);
      add(`blocks.${i}.mlp.fc1`, 4 * dim, dim);
      add(`blocks.${i}.mlp.fc2`, dim, 4 * dim);
    }
    add('norm', dim);
    shapes['patch_embed.proj.bias'] = [dim];
    let end = 0;
    const entries = Object.entries(shapes).map(([name, shape]) => {
      const begin = end;
      end += 4 * shape.reduce((product, extent) => product * extent);
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }];
    });
    const head = safetensors(JSON.stringify(Object.fromEntries(entries)));
    const file = await write('zeros.safetensors', head);
    const handle = await open(file, 'r+');
    await handle.truncate(head.length + end);
    await handle.close();

    const folder = newFolder();
    const args = [cli, 'convert', file, folder, '--dtype', 'int8', '--arch', 'vit_small_patch16_224.dino'];
    const child = spawn(process.execPath, [...args, '--photos', photo], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderr = [];
    child.stderr.on('data', (data) => stderr.push(data));
    const ended = new Promise((done) => child.on('close', done));
    const part = join(folder, 'model.safetensors.part');
    while (child.exitCode === null && !(await stat(part).catch(() => undefined))) await sleep(1);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(Buffer.concat(stderr).toString()).toBe('vitreous: stopped.\n');
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });
});

describe('usage: exit 2 and one line', () => {
  test.each([
    ['no OUT', ['convert', NANO, '--dtype', 'int8']],
    ['no dtype', ['convert', NANO, 'out']],
    ['another dtype', ['convert', NANO, 'out', '--dtype', 'fp32']],
    ['a third argument', ['convert', NANO, 'out', 'more', '--dtype', 'int8']],
    ['--model', ['convert', NANO, 'out', '--dtype', 'int8', '--model', NANO]],
    ['no such IN', ['convert', 'no/such/folder', 'out', '--dtype', 'int8']],
    ['a FILE without --arch', ['convert', nanoFile, 'out', '--dtype', 'int8']],
    ['--threads 0', ['convert', NANO, 'out', '--dtype', 'int8', '--threads', '0']],
    ['--photos of another command', ['embed', photo, '--photos', photo]],
  ])('%s', async (_, args) => {
    const { status, stdout, stderr } = await vitreous(...args);
    expect([status, stdout.toString()]).toEqual([2, '']);
    expect(stderr).toMatch(/^vitreous: .* See vitreous --help\.\n$/);
    await expect(stat('out')).rejects.toThrow('ENOENT');
  });
});

test('convertModel: another dtype, a folder with other files, a model from elsewhere', async () => {
  const folder = newFolder();
  await expect(convertModel(NANO, folder, { dtype: 'fp32' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  await mkdir(folder);
  await writeFile(join(folder, 'mine'), '');
  await expect(convertModel(NANO, folder, { dtype: 'fp16' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  expect(await readdir(folder)).toEqual(['mine']);
  await rm(join(folder, 'mine'));
  await cp(nanoFile, join(folder, 'model.safetensors'));
  await expect(convertModel(NANO, folder, { dtype: 'fp16' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

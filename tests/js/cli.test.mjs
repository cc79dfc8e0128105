// The command line, as its own process.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { startFileServer } from './support/file_server.mjs';
import { fixture, fixtures, maxDiff } from './support/golden.mjs';
import { parseNpy } from './support/npy.mjs';
import { cli, vitreous } from './support/process.mjs';
import { nanoFile } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const images = fixtures();
const pngs = images.filter(({ file }) => file.endsWith('.png'));
const files = pngs.map(({ file }) => fixture(file));
const missing = '/no/such/photo.jpg';

let scratch;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-'));
});
afterAll(() => rm(scratch, { recursive: true }));

const lines = (stdout) =>
  stdout
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('embed', () => {
  test('a line an image, in the order of the arguments, timm’s numbers', async () => {
    const order = [...files].reverse();
    const { status, stdout, stderr } = await vitreous('embed', ...order);
    expect([status, stderr]).toEqual([0, '']);
    const rows = lines(stdout);
    expect(rows.map(({ file }) => file)).toEqual(order);
    for (const [i, { embedding }] of [...pngs].reverse().entries()) {
      expect(Object.keys(rows[i])).toEqual(['file', 'dim', 'embedding']);
      expect(rows[i].dim).toBe(256);
      expect(maxDiff(rows[i].embedding, embedding)).toBeLessThanOrEqual(2e-4);
    }
  });

  test('the same numbers as the API, to the last bit', async () => {
    const model = await createModel(NANO);
    const own = await model.embed(files[0]);
    const [{ embedding }] = lines((await vitreous('embed', files[0])).stdout);
    expect(Float32Array.from(embedding)).toEqual(own);
    model.dispose();
  });

  test('--normalize', async () => {
    const [{ embedding }] = lines((await vitreous('embed', '--normalize', files[0])).stdout);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 6);
  });

  test('a file twice is two lines, and -- ends the options', async () => {
    const { stdout } = await vitreous('embed', '--', files[0], files[0]);
    const rows = lines(stdout);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual(rows[1]);
  });

  test('a bad file: exit 1, one clear line, the others done', async () => {
    const text = join(scratch, 'text.png');
    await writeFile(text, 'This is no picture.');
    const { status, stdout, stderr } = await vitreous('embed', files[0], missing, text, files[1]);
    expect(status).toBe(1);
    expect(lines(stdout).map(({ file }) => file)).toEqual([files[0], files[1]]);
    const complaints = stderr.trimEnd().split('\n');
    expect(complaints).toHaveLength(2);
    expect(complaints[0]).toMatch(/^vitreous: \/no\/such\/photo\.jpg .*\[INVALID_IMAGE\]$/);
    expect(complaints[1]).toMatch(/^vitreous: .*text\.png .*\[INVALID_IMAGE\]$/);
  });

  describe('--format npy', () => {
    test('(images, dim) float32, as NumPy writes it', async () => {
      const { status, stdout } = await vitreous('embed', '--format', 'npy', ...files);
      expect(status).toBe(0);
      const { data, shape } = parseNpy(new Uint8Array(stdout), 'stdout');
      expect(shape).toEqual([files.length, 256]);
      for (const [i, { embedding }] of pngs.entries()) {
        expect(maxDiff(data.subarray(i * 256, (i + 1) * 256), embedding)).toBeLessThanOrEqual(2e-4);
      }
      // https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: the values begin at a multiple of 64.
      expect((10 + stdout.readUInt16LE(8)) % 64).toBe(0);
      expect(stdout[9 + stdout.readUInt16LE(8)]).toBe(0x0a);
    });

    test('without the images that could not be read', async () => {
      const { status, stdout } = await vitreous('embed', '--format', 'npy', missing, files[0]);
      expect(status).toBe(1);
      expect(parseNpy(new Uint8Array(stdout), 'stdout').shape).toEqual([1, 256]);
    });

    test('of none at all', async () => {
      const { status, stdout } = await vitreous('embed', '--format', 'npy', missing);
      expect(status).toBe(1);
      expect(parseNpy(new Uint8Array(stdout), 'stdout').shape).toEqual([0, 256]);
    });
  });

  describe('-o', () => {
    test('writes the file and nothing else', async () => {
      const [jsonl, npy] = [join(scratch, 'a.jsonl'), join(scratch, 'a.npy')];
      const first = await vitreous('embed', files[0], '-o', jsonl);
      const second = await vitreous('embed', files[0], '--format', 'npy', '--output', npy);
      expect([first.status, second.status]).toEqual([0, 0]);
      expect(first.stdout).toHaveLength(0);
      expect(second.stdout).toHaveLength(0);
      const [{ embedding }] = lines(readFileSync(jsonl));
      expect(parseNpy(new Uint8Array(readFileSync(npy)), npy).data).toEqual(Float32Array.from(embedding));
      expect((await readdir(scratch)).filter((name) => name.endsWith('.part'))).toEqual([]);
    });

    test('into a folder that is not there: exit 2', async () => {
      const { status, stderr } = await vitreous('embed', files[0], '-o', join(scratch, 'none/a.jsonl'));
      expect(status).toBe(2);
      expect(stderr).toMatch(/--output .*a\.jsonl/);
    });
  });

  test('a reader that has seen enough ends it quietly', async () => {
    const child = spawn('sh', [
      '-c',
      '"$0" "$@" | head -1',
      process.execPath,
      cli,
      'embed',
      ...Array(40).fill(files[0]),
    ]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const status = await new Promise((done) => child.on('close', done));
    expect([status, stderr]).toEqual([0, '']);
    expect(lines(stdout)).toHaveLength(1);
  });
});

describe('--model', () => {
  const embedding = async (...args) =>
    lines((await vitreous('embed', files[0], ...args)).stdout)[0].embedding;

  test('NAME, DIR and FILE give the same', async () => {
    const expected = await embedding();
    expect(await embedding('--model', NANO)).toEqual(expected);
    expect(await embedding('--model', nanoFile, '--arch', NANO)).toEqual(expected);
    expect(await embedding('--model', dirname(nanoFile), '--arch', NANO)).toEqual(expected);
  });

  test('DIR alone: its config.json says what it is', async () => {
    expect(await embedding('--model', dirname(nanoFile))).toEqual(await embedding());
  });

  test.each([
    ['a FILE without --arch', ['--model', nanoFile], 2, /--arch NAME/],
    ['a FILE that is not there', ['--model', '/no/such.safetensors'], 2, /no such file/],
    ['an unknown --arch', ['--model', nanoFile, '--arch', 'resnet50'], 1, /resnet50.*\[UNKNOWN_MODEL\]/],
    ['an unknown NAME', ['--model', 'resnet50'], 1, /resnet50.*\[UNKNOWN_MODEL\]/],
    [
      'a NAME with an --arch',
      ['--model', NANO, '--arch', 'vit_base_patch16_224.dino'],
      2,
      /--arch goes with/,
    ],
    ['another architecture', ['--model', nanoFile, '--arch', 'vit_small_patch16_224.dino'], 1, /\[TENSOR_/],
    ['a folder without config.json', ['--model', dirname(fixture(''))], 2, /config\.json/],
    ['an image', ['--model', files[0], '--arch', NANO], 1, /\[CHECKPOINT_/],
  ])('%s', async (_, args, status, message) => {
    const result = await vitreous('embed', files[0], ...args);
    expect([result.status, result.stdout.toString()]).toEqual([status, '']);
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('classify', () => {
  test('--json: timm’s classes', async () => {
    const { status, stdout } = await vitreous('classify', '--json', ...files);
    expect(status).toBe(0);
    const rows = lines(stdout);
    for (const [i, { top5 }] of pngs.entries()) {
      expect(rows[i].file).toBe(files[i]);
      const named = ({ index, label }) => ({ index, label });
      expect(rows[i].classes.map(named)).toEqual(top5.map(named));
      expect(rows[i].classes[0].probability).toBeCloseTo(top5[0].probability, 5);
    }
  });

  test('-k, for people', async () => {
    const { status, stdout } = await vitreous('classify', '-k', '2', files[0]);
    expect(status).toBe(0);
    expect(stdout.toString()).toBe(`${files[0]}\n   23.4 %  French horn\n    3.9 %  ant\n`);
  });

  test('a bad file: exit 1, the others done', async () => {
    const { status, stdout } = await vitreous('classify', '--json', missing, files[0]);
    expect([status, lines(stdout).length]).toEqual([1, 1]);
  });
});

describe('info', () => {
  test('--json', async () => {
    const { status, stdout } = await vitreous('info', '--json', '--threads', '1');
    expect(status).toBe(0);
    const info = JSON.parse(stdout.toString());
    expect(info).toMatchObject({
      config: { name: NANO, dim: 256, depth: 6 },
      labels: 1000,
      parameters: 5_243_624,
      tensors: 80,
      threads: 1,
      dtype: 'fp32',
    });
    expect(info.memoryBytes).toBeGreaterThan(4 * 5_243_624);
    expect(['simd', 'relaxed']).toContain(info.variant);
  });

  test('for people: says that the packaged model is packaged', async () => {
    const { stdout } = await vitreous('info');
    for (const text of [NANO, 'packaged', '5,243,624 parameters', 'bicubic', 'MiB', 'wasm ']) {
      expect(stdout.toString()).toContain(text);
    }
  });
});

describe('usage', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

  test('--help and --version', async () => {
    for (const flag of ['--help', '-h']) {
      const { status, stdout, stderr } = await vitreous(flag);
      expect([status, stderr]).toEqual([0, '']);
      for (const command of ['embed', 'classify', 'convert', 'info'])
        expect(stdout.toString()).toContain(`vitreous ${command}`);
    }
    expect((await vitreous('--version')).stdout.toString()).toBe(`${version}\n`);
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['train']],
    ['no image', ['embed']],
    ['no image to classify', ['classify']],
    ['an unknown option', ['embed', 'a.png', '--fast']],
    ['an option of another command', ['embed', 'a.png', '-k', '3']],
    ['an unknown format', ['embed', 'a.png', '--format', 'csv']],
    ['-k 0', ['classify', 'a.png', '-k', '0']],
    ['-k many', ['classify', 'a.png', '-k', 'many']],
    ['--threads 0', ['embed', 'a.png', '--threads', '0']],
    ['an unknown dtype', ['embed', 'a.png', '--dtype', 'fp8']],
    ['a file for info', ['info', 'a.png']],
    ['an option without its value', ['embed', 'a.png', '--model']],
  ])('%s: exit 2 and one line', async (_, args) => {
    const { status, stdout, stderr } = await vitreous(...args);
    expect([status, stdout.toString()]).toEqual([2, '']);
    expect(stderr).toMatch(/^vitreous: .* See vitreous --help\.\n$/);
  });
});

test('cache list and clear; --model takes an address', async () => {
  const server = await startFileServer({ 'm.safetensors': readFileSync(nanoFile) });
  const url = `${server.url}m.safetensors`;
  const embed = () => vitreous('embed', files[0], '--model', url, '--arch', NANO);
  expect((await embed()).stdout).toEqual((await embed()).stdout);
  expect(server.log).toHaveLength(1);
  expect((await vitreous('cache', 'list')).stdout.toString()).toBe(`${url}  10.5 MB\n`);
  expect((await vitreous('cache', 'clear', url)).stdout.toString()).toBe('10.5 MB freed\n');
  expect((await vitreous('cache', 'list')).stdout.toString()).toBe('');
  expect(await vitreous('cache', 'melt')).toMatchObject({ status: 2 });
  expect(await vitreous('embed', files[0], '--model', url)).toMatchObject({ status: 2 });
  await server.close();
});

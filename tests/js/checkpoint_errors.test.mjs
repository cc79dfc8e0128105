// A bad checkpoint gives an error of its own that names the tensor, and leaves the model in use as it was.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, VitreousError } from '../../dist/node.mjs';
import { modelInUse } from './support/in_use.mjs';
import { changed, nanoFile, readSafetensors, safetensors } from './support/safetensors.mjs';
import { startServer } from './support/server.mjs';

jest.setTimeout(180_000); // for a machine with other work

const NANO = 'vit_nano_patch16_224';
const PROJ = 'blocks.0.attn.proj.weight';

let used;
let scratch;
beforeAll(async () => {
  used = await modelInUse();
  scratch = await mkdtemp(join(tmpdir(), 'vitreous-'));
});
afterEach(() => used.unchanged());
afterAll(async () => {
  used.model.dispose();
  await rm(scratch, { recursive: true });
});

async function expectError(weights, code, message, options = {}) {
  const error = await createModel(NANO, { ...options, weights }).then(
    () => 'the model was made',
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(VitreousError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

const whole = () => changed(() => {});

describe('a safetensors file', () => {
  test.each([
    ['empty', () => new Uint8Array(), 'EMPTY_FILE', /0 bytes/],
    ['cut in its length', () => whole().subarray(0, 5), 'CHECKPOINT_TRUNCATED', /first 8 bytes/],
    ['cut in its header', () => whole().subarray(0, 1000), 'CHECKPOINT_TRUNCATED', /header/],
    [
      'cut in a tensor',
      () => whole().subarray(0, -100),
      'CHECKPOINT_TRUNCATED',
      /pos_embed.*100 bytes are missing/,
    ],
    ['one byte short', () => whole().subarray(0, -1), 'CHECKPOINT_TRUNCATED', /pos_embed/],
    [
      'one byte too long',
      () => Buffer.concat([whole(), Buffer.alloc(1)]),
      'CHECKPOINT_FORMAT',
      /after the last tensor/,
    ],
    [
      'with a header of 2^63 bytes',
      () => safetensors(2n ** 63n),
      'CHECKPOINT_OVERSIZED',
      /9223372036854775808/,
    ],
    [
      'with a header of 2^64 - 1 bytes',
      () => safetensors(2n ** 64n - 1n),
      'CHECKPOINT_OVERSIZED',
      /18446744073709551615/,
    ],
    ['with a header of 200 MB', () => safetensors(200_000_000n), 'CHECKPOINT_OVERSIZED', /200000000/],
    ['with broken JSON', () => safetensors('{"a": }         '), 'CHECKPOINT_FORMAT', /JSON|valid/],
    [
      'that is a web page',
      () => Buffer.from('<!doctype html><title>Not found</title>'),
      'HTML_PAGE',
      /HTML|web page/,
    ],
    [
      'that is an older .pth, a plain pickle',
      () => Buffer.from('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.', 'latin1'),
      'CHECKPOINT_FORMAT',
      /1\.6/,
    ],
  ])('%s', async (_, file, code, message) => {
    await expectError(file(), code, message);
    // Of a size that is not known beforehand, too.
    await expectError(
      new Blob([file()]).stream(),
      code,
      message.source.includes('bytes are missing') ? /pos_embed/ : message,
    );
  });
});

describe('a tensor', () => {
  const named = (name) => new RegExp(name.replaceAll('.', '\\.'));

  test.each([
    [
      'missing',
      'TENSOR_MISSING',
      'norm.bias',
      (entries) => {
        entries['norm.bypass'] = entries['norm.bias'];
        delete entries['norm.bias'];
      },
    ],
    [
      'overlapping',
      'TENSOR_OVERLAP',
      PROJ,
      (entries) => {
        entries[PROJ].data_offsets = entries[PROJ].data_offsets.map((offset) => offset - 2);
      },
    ],
    [
      'with a hole before it',
      'CHECKPOINT_FORMAT',
      PROJ,
      (entries) => {
        entries[PROJ].data_offsets = entries[PROJ].data_offsets.map((offset) => offset + 2);
      },
    ],
    [
      'of the wrong shape',
      'TENSOR_SHAPE',
      PROJ,
      (entries) => {
        entries[PROJ].shape = [128, 512];
      },
    ],
    [
      'whose shape and bytes disagree',
      'TENSOR_SHAPE',
      PROJ,
      (entries) => {
        entries[PROJ].shape = [255, 256];
      },
    ],
    [
      'of an unknown dtype',
      'TENSOR_DTYPE',
      PROJ,
      (entries) => {
        entries[PROJ].dtype = 'F64';
      },
    ],
    [
      'beyond the end of any file',
      'CHECKPOINT_OVERSIZED',
      PROJ,
      (entries) => {
        entries[PROJ].data_offsets = [0, 2 ** 53 * 4];
      },
    ],
    [
      'with a NaN',
      'TENSOR_NOT_FINITE',
      PROJ,
      (entries, data) => {
        data.writeUInt16LE(0x7e00, entries[PROJ].data_offsets[0] + 20);
      },
    ],
    [
      'with an infinity',
      'TENSOR_NOT_FINITE',
      PROJ,
      (entries, data) => {
        data.writeUInt16LE(0xfc00, entries[PROJ].data_offsets[1] - 2);
      },
    ],
    [
      'twice in the header',
      'TENSOR_DUPLICATE',
      PROJ,
      (entries) => {
        const text = JSON.stringify(entries);
        return `${text.slice(0, -1)},${JSON.stringify(PROJ)}:${JSON.stringify(entries[PROJ])}}`;
      },
    ],
  ])('%s', async (_, code, name, change) => {
    await expectError(changed(change), code, named(name));
  });

  test('that the model has not', async () => {
    const { entries, data } = readSafetensors();
    const end = data.length;
    entries['blocks.0.ls1.gamma'] = { dtype: 'F16', shape: [1], data_offsets: [end, end + 2] };
    const file = safetensors(JSON.stringify(entries), Buffer.concat([data, Buffer.alloc(2)]));
    await expectError(file, 'TENSOR_UNEXPECTED', named('blocks.0.ls1.gamma'));
  });

  test('of a classifier that is asked for but not there', async () => {
    const file = changed((entries) => {
      entries['fc.weight'] = entries['head.weight'];
      delete entries['head.weight'];
    });
    await expectError(file, 'TENSOR_MISSING', named('head.weight'));
  });

  test('of a classifier with another number of classes', async () => {
    await expectError(nanoFile, 'TENSOR_SHAPE', named('head'), { numClasses: 10 });
  });
});

describe('a server', () => {
  const page = '<!doctype html><title>404</title>';
  const answers = {
    '/missing.safetensors': (response) => response.writeHead(404, { 'content-type': 'text/html' }).end(page),
    '/page.safetensors': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
    '/broken.safetensors': (response) => {
      const file = whole();
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 3_000_000), () => response.destroy());
    },
    '/folder/config.json': (response) => response.writeHead(200).end(page),
  };
  let server;
  beforeAll(async () => {
    server = await startServer(({ url }, response) =>
      (answers[url] ?? answers['/missing.safetensors'])(response),
    );
  });
  afterAll(() => server.close());

  test.each([
    ['answers 404 with a page', 'missing.safetensors', 'NOT_FOUND', /missing\.safetensors answered 404/],
    ['answers 200 with a page', 'page.safetensors', 'HTML_PAGE', /web page/],
    ['breaks the connection midway', 'broken.safetensors', 'NETWORK', /broken\.safetensors/],
    ['has no such folder', 'nowhere', 'NOT_FOUND', /nowhere has no config\.json/],
    ['has a page for config.json', 'folder', 'HTML_PAGE', /config\.json is a web page/],
  ])('that %s', async (_, path, code, message) => {
    await expectError(`${server.url}${path}`, code, message);
  });

  test('that is not there', async () => {
    const gone = await startServer(() => {});
    await gone.close();
    await expectError(`${gone.url}model.safetensors`, 'NETWORK', /could not be fetched/);
  });

  test('of a Response with an error', async () => {
    await expectError(await fetch(`${server.url}missing.safetensors`), 'HTTP_STATUS', /404/);
  });
});

describe('a source', () => {
  test('that is not there', async () => {
    await expectError('/no/such/model.safetensors', 'INVALID_ARGUMENT', /no file or folder \/no\/such/);
  });

  test('of no known kind', async () => {
    await expectError(42, 'INVALID_ARGUMENT', /weights must be/);
    await expectError({ length: 3 }, 'INVALID_ARGUMENT', /weights must be/);
  });

  test('that fails on its way', async () => {
    const stream = new ReadableStream({
      pull(controller) {
        controller.error(new Error('the disk is gone'));
      },
    });
    await expectError(stream, 'NETWORK', /the disk is gone/);
  });

  test('a stream of texts', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue('bytes?');
        controller.close();
      },
    });
    await expectError(stream, 'INVALID_ARGUMENT', /Uint8Array/);
  });

  test('a stream that someone else reads', async () => {
    const stream = new Blob([whole()]).stream();
    const reader = stream.getReader();
    await expectError(stream, 'INVALID_ARGUMENT', /locked/);
    reader.releaseLock();
  });

  test('a Response that was read', async () => {
    const response = new Response(new Uint8Array(8));
    await response.arrayBuffer();
    await expectError(response, 'INVALID_ARGUMENT', /read already/);
  });

  test('an error stops the stream', async () => {
    let cancelled = false;
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8).fill(255)),
      cancel: () => {
        cancelled = true;
      },
    });
    await expectError(stream, 'CHECKPOINT_OVERSIZED', /header/);
    expect(cancelled).toBe(true);
    expect(stream.locked).toBe(false);
  });
});

describe('a folder', () => {
  const crop = (field, value) => JSON.stringify({ pretrained_cfg: { [field]: value } });

  test.each([
    ['without config.json', undefined, 'NOT_FOUND', /no config\.json/],
    ['with a broken config.json', '{', 'CHECKPOINT_FORMAT', /config\.json is not JSON/],
    ['with a list for config.json', '[]', 'INVALID_ARGUMENT', /config\.json: the file should be an object/],
    [
      'with a text for a number',
      '{"num_classes": "ten"}',
      'INVALID_ARGUMENT',
      /num_classes should be a number/,
    ],
    ['with an unknown argument', '{"model_args": {"qk_norm": true}}', 'UNSUPPORTED', /model_args\.qk_norm/],
    ['with two means', crop('mean', [0.5, 0.5]), 'INVALID_ARGUMENT', /mean should be three numbers/],
    [
      'with an unknown interpolation',
      crop('interpolation', 'lanczos'),
      'UNSUPPORTED',
      /interpolation.*lanczos/,
    ],
    ['with an unknown crop', crop('crop_mode', 'random'), 'UNSUPPORTED', /crop_mode.*random/],
    ['for another size of input', crop('input_size', [3, 384, 384]), 'TENSOR_SHAPE', /pos_embed/],
    ['with a depth that the file has not', '{"model_args": {"depth": 7}}', 'TENSOR_', /blocks\./],
    ['whose width its heads do not divide', '{"model_args": {"num_heads": 3}}', 'INVALID_ARGUMENT', /heads/],
  ])('%s', async (_, config, code, message) => {
    const path = await mkdtemp(join(scratch, 'folder-'));
    await symlink(nanoFile, join(path, 'model.safetensors'));
    if (config !== undefined) await writeFile(join(path, 'config.json'), config);
    await expectError(path, expect.stringContaining(code), message);
  });

  test('without model.safetensors', async () => {
    const path = await mkdtemp(join(scratch, 'folder-'));
    await writeFile(join(path, 'config.json'), '{}');
    await expectError(path, 'INVALID_ARGUMENT', /model\.safetensors/);
  });
});

// Names resolve as in timm: packaged, cached, hub; folders, shards, revisions; and the hub's digests are held to.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createModel, deleteFromCache, env, listCache } from '../../dist/node.mjs';
import { again, answer, cutAfter, sha256 } from './support/file_server.mjs';
import { checkpoint, FILE, NANO, useNetwork } from './support/network.mjs';
import { readSafetensors, safetensors } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

const BASE = 'vit_base_patch16_224.dino';
const REPO = `timm/${BASE}`;
const shared = useNetwork();
const config = readFileSync(
  new URL('../../models/vit_nano_patch16_224/config.json', import.meta.url),
  'utf8',
);
const hub = { weights: undefined };

/** The record that a hub keeps of a repository. */
const record = (files) =>
  JSON.stringify({
    siblings: Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      ...(bytes.length > 1e5 && { lfs: { sha256: sha256(bytes), size: bytes.length } }),
    })),
  });
const api = (repo, revision = 'main') => `api/models/${repo}/revision/${revision}`;
const at = (repo, file, revision = 'main') => `${repo}/resolve/${revision}/${file}`;

// Under the DINO name the hub has the small model with its config.json: what the file says goes before the table.
beforeEach(() => {
  env.hub = shared.server.url;
  shared.server.files[at(REPO, FILE)] = checkpoint;
  shared.server.files[at(REPO, 'config.json')] = config;
});
const withRecord = (bytes = checkpoint) => {
  shared.server.files[api(REPO)] = record({ 'config.json': config, [FILE]: bytes });
};

test('a packaged name asks nobody', async () => {
  expect(await shared.load(hub)).toMatchObject({ packaged: true, cached: false });
  expect(shared.requests()).toEqual([]);
});

test('a name comes from the hub, then from the cache; its config.json goes before the table', async () => {
  withRecord();
  const info = await shared.load(hub, BASE);
  expect(info).toMatchObject({ weights: shared.server.url + at(REPO, FILE), packaged: false, cached: false });
  expect(shared.requests().sort()).toEqual([api(REPO), at(REPO, 'config.json'), at(REPO, FILE)].sort());
  const { length } = shared.server.log;
  await shared.server.close();
  expect(await shared.load(hub, BASE)).toMatchObject({ cached: true });
  expect(shared.server.log).toHaveLength(length);
});

test('deleteFromCache takes the name', async () => {
  await shared.load(hub, BASE);
  expect(await deleteFromCache('vit_small_patch16_224.dino')).toBe(0);
  expect(await deleteFromCache(BASE)).toBe(checkpoint.length + config.length);
  expect(await listCache()).toEqual([]);
});

test('a mirror without records or config.json', async () => {
  delete shared.server.files[at(REPO, 'config.json')];
  // The table then says what a ViT-B has, which this file has not.
  await shared.fail('TENSOR_', /./, hub, BASE).catch(() => {});
  await expect(createModel(BASE)).rejects.toMatchObject({ code: expect.stringMatching(/^TENSOR_/) });
  expect(await listCache()).toEqual([]);
});

test('a folder of one’s own as the hub, and a revision', async () => {
  env.hub = `${shared.server.url}cdn`;
  env.hubPath = '{repo}/{revision}/{file}';
  shared.server.files[`cdn/me/mine/v2/${FILE}`] = checkpoint;
  shared.server.files['cdn/me/mine/v2/config.json'] = config;
  await shared.load({ ...hub, revision: 'v2' }, 'me/mine');
  expect(shared.requests()).toContain(`cdn/me/mine/v2/${FILE}`);
  await shared.fail('NOT_FOUND', /me\/mine.*404/, hub, 'me/mine');
  await shared.fail('INVALID_ARGUMENT', /revision/, { ...hub, revision: '../x' }, 'me/mine');
});

test('a name that the table has not, within the family', async () => {
  const name = 'vit_tiny_patch16_224.vitreous_distill';
  shared.server.files[at(`timm/${name}`, FILE)] = checkpoint;
  shared.server.files[at(`timm/${name}`, 'config.json')] = config; // its architecture is vit_tiny_patch16_224
  await shared.load(hub, name);
});

describe('a name that nobody knows', () => {
  test('on the hub: the names that may have been meant', async () => {
    await shared.fail(
      'NOT_FOUND',
      /vit_base_patch16_224\.dimo.*Did you mean vit_base_patch16_224\.dino/,
      hub,
      'vit_base_patch16_224.dimo',
    );
    await shared.fail('NOT_FOUND', /owner\/vit_mine/, hub, 'owner/vit_mine');
  });

  test('outside the family: at once', async () => {
    await shared.fail('UNKNOWN_MODEL', /resnet50.*owner\/name/, hub, 'resnet50');
    expect(shared.requests()).toEqual([]);
  });

  test('gated', async () => {
    shared.server.faults.push(again(answer(401)));
    await shared.fail('UNAUTHORIZED', /401.*token/, hub, BASE);
  });
});

test('the token goes along with all three requests', async () => {
  withRecord();
  await shared.load({ ...hub, headers: { authorization: 'Bearer t' } }, BASE);
  expect(shared.server.log.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('Bearer t'));
});

describe('the hub’s digest', () => {
  test('must be that of the bytes; nothing else is kept', async () => {
    withRecord();
    const wrong = Buffer.from(checkpoint);
    wrong[wrong.length - 1] ^= 1;
    shared.server.files[at(REPO, FILE)] = wrong;
    await shared.fail('DIGEST_MISMATCH', /SHA-256.*Nothing of it is kept/, hub, BASE);
    expect((await listCache()).map(({ url }) => url)).toEqual([shared.server.url + at(REPO, 'config.json')]);
    shared.server.files[at(REPO, FILE)] = checkpoint;
    await shared.load(hub, BASE);
  });

  test('and its size', async () => {
    withRecord();
    shared.server.files[at(REPO, FILE)] = Buffer.concat([checkpoint, Buffer.alloc(100)]);
    await shared.fail('DIGEST_MISMATCH', /longer/, hub, BASE);
    shared.server.files[at(REPO, FILE)] = checkpoint.subarray(0, 8e6);
    await shared.fail('CHECKPOINT_TRUNCATED', /8000000 of/, hub, BASE);
    shared.server.files[at(REPO, FILE)] = checkpoint;
    await shared.load(hub, BASE);
  });

  test('lets a part be continued without any validator; a wrong part is found out and comes anew', async () => {
    withRecord();
    shared.server.options.etag = false;
    const leave = async (bytes) => {
      shared.server.files[at(REPO, FILE)] = bytes;
      shared.server.faults.push(cutAfter(4e6, { etag: false }), again(answer(503)));
      await shared.fail('HTTP_STATUS', /503/, hub, BASE);
      shared.server.faults.length = 0;
      shared.server.files[at(REPO, FILE)] = checkpoint;
    };
    await leave(checkpoint);
    await shared.load(hub, BASE);
    expect(shared.requests().at(-1)).toBe(`${at(REPO, FILE)} bytes=4000000-`);
    await deleteFromCache();
    const wrong = Buffer.from(checkpoint);
    wrong[3e6] ^= 1;
    await leave(wrong);
    await shared.load(hub, BASE);
    expect(shared.requests().slice(-2)).toEqual([`${at(REPO, FILE)} bytes=4000000-`, at(REPO, FILE)]);
  });
});

describe('a checkpoint in several files', () => {
  const { entries, data } = readSafetensors();
  const names = Object.keys(entries).filter((name) => name !== '__metadata__');
  const shard = (own) => {
    const header = {};
    const parts = [];
    let end = 0;
    for (const name of own) {
      const [from, to] = entries[name].data_offsets;
      header[name] = { ...entries[name], data_offsets: [end, end + to - from] };
      parts.push(data.subarray(from, to));
      end += to - from;
    }
    const json = JSON.stringify(header);
    return safetensors(json.padEnd(Math.ceil(json.length / 8) * 8), Buffer.concat(parts));
  };
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const bodies = [shard(names.slice(0, 30)), shard(names.slice(30))];
  const index = JSON.stringify({
    weight_map: Object.fromEntries(names.map((name, i) => [name, files[i < 30 ? 0 : 1]])),
  });
  const INDEX = `${FILE}.index.json`;
  const put = (place) => {
    shared.server.files[place(INDEX)] = index;
    for (const [i, file] of files.entries()) shared.server.files[place(file)] = bodies[i];
  };

  test.each([[true], [false]])('on the hub, with its records: %s', async (recorded) => {
    delete shared.server.files[at(REPO, FILE)];
    put((file) => at(REPO, file));
    if (recorded) {
      const all = { 'config.json': config, [INDEX]: index, [files[0]]: bodies[0], [files[1]]: bodies[1] };
      shared.server.files[api(REPO)] = record(all);
    }
    const seen = [];
    await shared.load({ ...hub, onProgress: (progress) => seen.push(progress) }, BASE);
    const total = bodies[0].length + bodies[1].length;
    expect(seen.at(-1)).toMatchObject({ loaded: total, total });
    if (recorded) for (const progress of seen) expect(progress.total).toBe(total);
    const { length } = shared.server.log;
    expect(await shared.load(hub, BASE)).toMatchObject({ cached: true });
    expect(shared.server.log).toHaveLength(length);
  });

  test('by the address of its index; in a folder; in a local folder', async () => {
    put((file) => `s/${file}`);
    shared.server.files['s/config.json'] = config;
    await shared.load({ weights: `${shared.server.url}s/${INDEX}` });
    await shared.load({ weights: `${shared.server.url}s` });
    const folder = join(shared.folder, 'local');
    await mkdir(folder);
    for (const [name, body] of Object.entries(shared.server.files)) {
      if (name.startsWith('s/')) await writeFile(join(folder, name.slice(2)), body);
    }
    await shared.load({ weights: folder });
    await shared.load({ weights: join(folder, INDEX) });
  });

  test.each(['../x.safetensors', 'http://127.0.0.1:1/x.safetensors', '/x.safetensors', 7])(
    'an index that names %s is refused',
    async (name) => {
      shared.server.files[`s/${INDEX}`] = JSON.stringify({ weight_map: { a: name } });
      await shared.fail('CHECKPOINT_FORMAT', /names a file/, { weights: `${shared.server.url}s/${INDEX}` });
    },
  );

  test('a shard that is missing', async () => {
    put((file) => `s/${file}`);
    delete shared.server.files[`s/${files[1]}`];
    await shared.fail('NOT_FOUND', /00002-of-00002/, { weights: `${shared.server.url}s/${INDEX}` });
    put((file) => `s/${file}`);
    await shared.load({ weights: `${shared.server.url}s/${INDEX}` });
  });
});

test('a folder named as timm names models', async () => {
  shared.server.files[`${BASE}/config.json`] = config;
  shared.server.files[`${BASE}/${FILE}`] = checkpoint;
  await shared.load({ weights: `${shared.server.url}${BASE}` }, NANO);
});

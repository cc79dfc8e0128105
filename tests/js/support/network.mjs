// What tests of downloads share: the packaged checkpoint behind a server, an empty cache, quick retries.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { createModel, env, listCache } from '../../../dist/node.mjs';
import { startFileServer } from './file_server.mjs';
import { generatedInput } from './golden.mjs';
import { modelInUse } from './in_use.mjs';
import { nanoFile } from './safetensors.mjs';

export const NANO = 'vit_nano_patch16_224';
export const checkpoint = readFileSync(nanoFile);
export const FILE = 'model.safetensors';

/** To be called once, outside of tests. `shared.server` and the cache are fresh for every test. */
export function useNetwork() {
  const shared = {};
  const input = generatedInput();
  let used;
  const before = { cache: process.env.VITREOUS_CACHE, ...env };
  beforeAll(async () => {
    used = await modelInUse();
    shared.expected = await embeddingOf(await createModel(NANO, { threads: 1 }));
  });
  beforeEach(async () => {
    shared.folder = await mkdtemp(join(tmpdir(), 'vitreous-cache-'));
    process.env.VITREOUS_CACHE = shared.folder;
    Object.assign(env, { retryDelay: 1, stallTimeout: 20_000 });
    shared.server = await startFileServer({ [FILE]: checkpoint });
    shared.url = `${shared.server.url}${FILE}`;
  });
  afterEach(async () => {
    await shared.server.close();
    await rm(shared.folder, { recursive: true, force: true });
    const { cache, ...settings } = before;
    process.env.VITREOUS_CACHE = cache;
    Object.assign(env, settings);
    await used.unchanged();
  });
  afterAll(() => used.model.dispose());

  const embeddingOf = async (model) => {
    const embedding = await model.embed(input);
    model.dispose();
    return embedding;
  };
  /** Loads and expects the right model; its info. */
  shared.load = async (options = {}, name = NANO) => {
    const model = await createModel(name, { threads: 1, weights: shared.url, ...options });
    const { info } = model;
    expect(await embeddingOf(model)).toEqual(shared.expected);
    return info;
  };
  shared.fail = async (code, message, options = {}, name = NANO) => {
    const error = await createModel(name, { threads: 1, weights: shared.url, ...options }).then(
      () => 'the model was made',
      (reason) => reason,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    return error;
  };
  /** The cache's entry of the checkpoint. */
  shared.entry = async () => (await listCache()).find(({ url }) => url === shared.url);
  /**
   * What the server was asked for, `path` or `path bytes=FROM-`. FROM is rounded to half a million: what has arrived when a
   * connection breaks, but was not read yet, is lost with it.
   */
  shared.requests = () =>
    shared.server.log.map(({ path, range }) => {
      if (range === undefined) return path;
      const from = Number(/^bytes=(\d+)-$/.exec(range)[1]);
      return `${path} bytes=${Math.round(from / 5e5) * 5e5}-`;
    });
  /** The bytes that the server has sent are those of one file, give or take what broken connections lost. */
  shared.sentOnce = () => {
    const sent = shared.server.log.reduce((sum, entry) => sum + entry.sent, 0);
    expect(sent).toBeLessThanOrEqual(1.1 * checkpoint.length);
  };
  return shared;
}

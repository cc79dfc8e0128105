// What is checked of every try, however it was disturbed.
import assert from 'node:assert/strict';
import { sha256 } from './server.mjs';

/** After these a part may wait for the next load: only the way was bad. */
const INTERRUPTED = ['NETWORK', 'HTTP_STATUS', 'UNAUTHORIZED', 'HTML_PAGE'];

/** A driver for the tests of a `describe`, with the embedding that its honest loads must give, and a model in use. */
export function useDriver(start, server, { checkpoint, config }, { before, after }) {
  const shared = { server };
  before(async () => {
    shared.driver = await start();
    server.set();
    const first = await shared.driver.load({ keep: true, cache: false });
    assert.equal(first.cached, false, first.message);
    shared.reference = first.embedding;
    shared.digests = { 'model.safetensors': sha256(checkpoint), 'config.json': sha256(config) };
  });
  after(() => shared.driver?.close());
  return shared;
}

/** One load under faults: it ends as expected, and leaves nothing bad. */
export async function checkTry(shared, { expect, sameOrigin, keeps = false, ...faults }) {
  const { driver, server } = shared;
  server.set(faults);
  const expected = [expect[driver.platform] ?? expect].flat();
  const result = await driver.load({ sameOrigin });
  const ended = result.code ?? 'model';
  assert.ok(expected.includes(ended), `${ended} instead of ${expected.join(' or ')}: ${result.message}`);
  if (ended === 'model') assert.equal(result.embedding, shared.reference, 'the embedding');
  assert.deepEqual(driver.problems(), []);
  await checkCache(shared, ended, keeps);
}

/** A whole checkpoint there is the right one; a part waits only where the way was bad. */
async function checkCache({ driver, digests }, ended, keeps) {
  const entries = (await driver.list()).filter(({ url }) => url.endsWith('.safetensors'));
  for (const { complete, sha256 } of entries) {
    if (complete) assert.equal(sha256, digests['model.safetensors'], 'the checkpoint in the cache');
    else assert.ok(INTERRUPTED.includes(ended), `a part is kept after ${ended}`);
  }
  if (keeps) assert.ok(entries[0]?.bytes > 0, 'the part is kept');
}

/** The next honest try gives the model, the one after that asks nobody, and the model in use is what it was. */
export async function checkRecovery(shared, { sameOrigin } = {}) {
  const { driver, server, reference, digests } = shared;
  server.set();
  const honest = await driver.load({ sameOrigin });
  assert.equal(honest.embedding, reference, honest.message ?? 'the embedding of the honest try');
  const entries = await driver.list();
  const kept = entries.map(({ url, sha256, complete }) => [
    url.slice(url.lastIndexOf('/') + 1),
    sha256,
    complete,
  ]);
  assert.deepEqual(
    kept.sort(),
    Object.entries(digests)
      .map((entry) => [...entry, true])
      .sort(),
  );
  server.log.length = 0;
  const again = await driver.load({ sameOrigin });
  assert.deepEqual(again, { embedding: reference, cached: true });
  assert.deepEqual(server.log, [], 'a cached model asks nobody');
  assert.equal(await driver.useAgain(), reference, 'the model in use');
  assert.deepEqual(driver.problems(), []);
}

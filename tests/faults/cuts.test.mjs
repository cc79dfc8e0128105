// Connections cut at random bytes, through Node and through Chromium. SEED=… repeats a run.
import { after, before, describe, test } from 'node:test';
import { chromiumDriver, nodeDriver } from './drivers.mjs';
import { repository } from './model.mjs';
import { startFaultServer } from './server.mjs';
import { checkRecovery, checkTry, useDriver } from './steps.mjs';

const CUTS_EACH = 100;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

const repo = await repository();
const size = repo.checkpoint.length;
const server = await startFaultServer(repo);
after(() => server.close());

// What the server is like besides.
const STANDING = [
  {},
  { ranges: false },
  { etag: false },
  { etag: 'W/"1"' },
  { length: () => undefined },
  { encoding: 'gzip', ranges: false },
  { expose: false },
];
// What comes after the cut.
const SEQUELS = [
  { name: 'honest', model: [], expect: 'model' },
  { name: 'cut again', model: [{ cut: 1000 }, { cut: 0 }], expect: 'model' },
  { name: '503', model: [{ status: 503, always: true }], expect: 'HTTP_STATUS' },
  { name: 'nothing more', model: [{ answer: 'reset', always: true }], expect: 'NETWORK' },
];

/** Numbers from 0 to below 1 that the seed repeats: mulberry32. */
function randomNumbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

for (const [i, start] of [nodeDriver, chromiumDriver].entries()) {
  const what = ['Node', 'Chromium'][i];
  describe(`${what}: ${CUTS_EACH} random cuts, SEED=${seed}`, () => {
    const shared = useDriver(() => start(server), server, repo, { before, after });
    const random = randomNumbers(seed + i);
    const one = (list) => list[Math.floor(random() * list.length)];
    for (let n = 0; n < CUTS_EACH; n++) {
      const standing = one(STANDING);
      // gzip makes a tenth less of it.
      const cut = 1 + Math.floor(random() * (standing.encoding ? 0.9 * size : size - 1));
      const { name, model, expect } = one(SEQUELS);
      const sameOrigin = random() < 0.5;
      const recorded = random() < 0.5 ? undefined : false;
      const where = `after ${cut} bytes, then ${name}; ${JSON.stringify(standing)}`;
      test(where, async () => {
        await shared.driver.clear();
        await checkTry(shared, { standing, recorded, sameOrigin, model: [{ cut }, ...model], expect });
        await checkRecovery(shared, { sameOrigin });
      });
    }
  });
}

test('the count', (t) => {
  t.diagnostic(`${2 * CUTS_EACH} random cuts, SEED=${seed}`);
});

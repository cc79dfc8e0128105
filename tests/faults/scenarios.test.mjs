// Every scenario through Node and through Chromium: each ends in the right model or the right error, keeps nothing bad,
// harms no model in use, and the next honest try succeeds.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromiumDriver, nodeDriver } from './drivers.mjs';
import { repository } from './model.mjs';
import { otherRepository, scenarios } from './scenarios.mjs';
import { startFaultServer } from './server.mjs';
import { checkRecovery, checkTry, useDriver } from './steps.mjs';

const repo = await repository();
const table = scenarios(repo, await otherRepository());
const server = await startFaultServer(repo);
after(() => server.close());

assert.equal(new Set(table.map(({ name }) => name)).size, table.length, 'every scenario has its own name');
assert.ok(table.length >= 40);

for (const [what, start, chosen] of [
  ['Node', nodeDriver, table],
  ['Chromium, worker and OPFS', chromiumDriver, table],
  [
    'Chromium, the page’s thread and Cache API',
    (server) => chromiumDriver(server, { worker: false }),
    table.filter(({ pageToo }) => pageToo),
  ],
]) {
  describe(`${what}: ${chosen.length} scenarios`, () => {
    const shared = useDriver(() => start(server), server, repo, { before, after });
    for (const { name, earlier, ...scenario } of chosen) {
      const { sameOrigin } = scenario;
      test(`${name} → ${nameOf(scenario.expect)}`, async () => {
        await shared.driver.clear();
        if (earlier) await checkTry(shared, { sameOrigin, ...earlier });
        await checkTry(shared, scenario);
        await checkRecovery(shared, { sameOrigin });
      });
    }
  });
}

function nameOf(expect) {
  return [expect].flatMap((one) => (typeof one === 'string' ? one : Object.values(one))).join(' or ');
}

test('the count', (t) => {
  const onPage = table.filter(({ pageToo }) => pageToo).length;
  t.diagnostic(`${table.length} scenarios × 2, ${onPage} of them on the page’s own thread, too`);
});

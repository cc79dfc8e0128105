// The table in docs/bundlers.md changes only where a run found something else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableOf } from './support/table.mjs';

const cell = (host, version, ok = true) => ({ host, version, uses: 'runs', threads: false, ok });
const hosts = (table) =>
  table
    .trim()
    .split('\n')
    .slice(2)
    .map((line) => line.replaceAll('| ', '').split(' ').slice(0, 3).join(' '));

test('rows keep their places, and what was not tried stays', () => {
  const before = tableOf('runtimes', [cell('Node', 20), cell('Bun', 1), cell('Deno', 2)], '');
  assert.deepEqual(hosts(before), ['Node 20 yes', 'Bun 1 yes', 'Deno 2 yes']);
  const after = tableOf('runtimes', [cell('Deno', 2, false), cell('Workerd', 1), cell('Node', 24)], before);
  assert.deepEqual(hosts(after), ['Node 24 yes', 'Bun 1 yes', 'Deno 2 **no**', 'Workerd 1 yes']);
});

test('a run that says the same leaves the table as it is', () => {
  const cells = [cell('Node', 20), cell('Bun', 1)];
  const before = tableOf('runtimes', cells, '');
  assert.equal(tableOf('runtimes', cells.toReversed(), before), before);
});

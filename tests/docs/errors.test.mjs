// The troubleshooting page has a section for every error code there is, and for no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf } from './pages.mjs';

test('every error code is explained', () => {
  const type = textOf('web/errors.ts').match(/export type ErrorCode =([^;]+);/)[1];
  const codes = [...type.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code);
  assert.ok(codes.length > 30, `only ${codes.length} codes were found in web/errors.ts`);
  const headings = textOf('docs/troubleshooting.md').matchAll(/^### (.+)$/gm);
  const explained = [...headings].flatMap(([, heading]) => heading.match(/(?<=`)[A-Z_]+(?=`)/g) ?? []);
  assert.deepEqual(explained.sort(), codes.sort());
});

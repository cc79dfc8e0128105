// npm test itself: its totals, and that nothing which goes wrong passes for success. Set-up and builds are stand-ins.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'vitreous-runner-'));
after(() => rmSync(scratch, { recursive: true }));

const SETUP = `import { join } from 'node:path';
export const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
export const setup = async () => ({});
`;
const BUILD =
  'export const buildNative = async () => {}, buildWasm = buildNative, buildPackage = buildNative;\n';

/** A GoogleTest program, as far as its output goes. */
const gtestProgram = (output, status) => `#!/bin/sh\ncat <<'END'\n${output}\nEND\n${status}\n`;
const GOOD = gtestProgram(
  '[==========] 3 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 2 tests.\n[  SKIPPED ] 1 test.',
  'exit 0',
);
const BAD = gtestProgram(
  'a_test.cc:5: Failure\n[  FAILED  ] A.Bad/0, where GetParam() = 7 (3 ms)\n[  FAILED  ] A.Worse (0 ms)\n[  PASSED  ] 4 tests.',
  'exit 1',
);

/** Runs `npm test -- --only <only>` in a repository with these files beside the scripts. */
function npmTest(name, only, files) {
  const root = join(scratch, name);
  cpSync(scripts, join(root, 'scripts'), { recursive: true });
  for (const [path, text] of Object.entries({
    'scripts/setup/index.mjs': SETUP,
    'scripts/build.mjs': BUILD,
    ...files,
  })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: 0o755 });
  }
  const env = { ...process.env, VITREOUS_BUILD_CACHE: join(scratch, 'cache') };
  // This test runs under node --test, whose mark would make the inner one report to it.
  delete env.NODE_TEST_CONTEXT;
  const { stdout, status } = spawnSync(process.execPath, ['scripts/test.mjs', '--only', only], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { stdout, status, last: stdout.trimEnd().split('\n').pop() };
}

const program = (name) => `build/native/tests/cpp/${name}`;

test('the totals are the sum over programs and suites', () => {
  const { status, last } = npmTest('sum', 'native,package', {
    [program('a_test')]: GOOD,
    [program('b_test')]: GOOD,
    'tests/package/a.test.mjs':
      "import { test } from 'node:test';\ntest('one', () => {});\ntest('two', () => {});\n",
  });
  assert.equal(last, '6 passed, 0 failed');
  assert.equal(status, 0);
});

test('a failed test fails the run and is shown', () => {
  const { status, last, stdout } = npmTest('bad', 'native', {
    [program('a_test')]: GOOD,
    [program('b_test')]: BAD,
  });
  assert.equal(last, '6 passed, 2 failed');
  assert.match(stdout, /a_test\.cc:5: Failure/);
  assert.equal(status, 1);
});

test('a crash counts as one failed', () => {
  const { status, last, stdout } = npmTest('crash', 'native', {
    [program('a_test')]: gtestProgram('', 'kill -SEGV $$'),
  });
  assert.equal(last, '0 passed, 1 failed');
  assert.match(stdout, /SIGSEGV/);
  assert.equal(status, 1);
});

test('passing totals with a failed exit status count as one failed', () => {
  const text = '[  PASSED  ] 2 tests.\nERROR: LeakSanitizer: detected memory leaks';
  assert.equal(
    npmTest('leak', 'native', { [program('a_test')]: gtestProgram(text, 'exit 23') }).last,
    '2 passed, 1 failed',
  );
});

test('a suite, a program or a file without any test counts as one failed', () => {
  assert.equal(npmTest('none', 'native', {}).last, '0 passed, 1 failed');
  const zero = gtestProgram('[  PASSED  ] 0 tests.', 'exit 0');
  const beside = npmTest('zero', 'native', { [program('a_test')]: zero, [program('b_test')]: GOOD });
  assert.equal(beside.last, '2 passed, 1 failed');
  assert.equal(npmTest('empty', 'browser', { 'tests/browser/a.test.mjs': '\n' }).last, '0 passed, 1 failed');
});

test('a test file that ends its process counts as failed', () => {
  const { last } = npmTest('exit', 'browser', { 'tests/browser/a.test.mjs': 'process.exit(5);\n' });
  assert.equal(last, '0 passed, 1 failed');
});

test('a Jest that cannot start counts as one failed', () => {
  assert.equal(npmTest('jest', 'js', {}).last, '0 passed, 1 failed');
});

test('failed builds, failed set-up and unknown suites end with totals too', () => {
  const build = {
    'scripts/build.mjs': "export async function buildNative() {\n  throw new Error('no compiler');\n}\n",
  };
  const broken = npmTest('build', 'native', { ...build, [program('a_test')]: GOOD });
  assert.equal(broken.last, '0 passed, 1 failed');
  assert.match(broken.stdout, /no compiler/);
  const unset = npmTest('setup', 'native', {
    'scripts/setup/index.mjs': SETUP.replace('({})', "{ throw new Error('no network') }"),
  });
  assert.equal(unset.last, '0 passed, 1 failed');
  assert.equal(unset.status, 1);
  assert.match(
    npmTest('unknown', 'nativ', {}).stdout,
    /No suite is called nativ[\s\S]*\n0 passed, 1 failed\n$/,
  );
});

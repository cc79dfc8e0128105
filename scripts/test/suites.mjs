// The test suites: what there is, what each needs built, how it runs, how its totals are read.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from '../setup/index.mjs';

/** Where the suites' reports go. */
export const results = join(root, 'build/test-results');

// A function with one relaxed SIMD instruction: where it does not validate (Node 20), a flag brings the feature.
const RELAXED_SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2,
  253, 15, 253, 128, 2, 11,
]);
// There it is an experiment, and the first-tier compiler gets a dot product wrong: it is left out.
const nodeFlags = WebAssembly.validate(RELAXED_SIMD_PROBE)
  ? []
  : ['--experimental-wasm-relaxed-simd', '--no-liftoff'];

// The kinds of suites. Each returns a list of `{ title, command, args, totals }`, `totals(output)` giving
// `{ passed, failed, skipped }` of one command.

/** The GoogleTest programs of one build folder. */
function gtest(folder, { wasm = false, flags = [] } = {}) {
  const dir = join(root, 'build', folder, 'tests/cpp');
  const programs = existsSync(dir)
    ? readdirSync(dir).filter((file) => (wasm ? /_test\.c?js$/ : /_test$/).test(file))
    : [];
  return programs.map((program) => {
    const args = [join(dir, program), '--gtest_brief=1'];
    const [command, ...rest] = wasm ? [process.execPath, ...flags, ...args] : args;
    return { title: `${folder} ${program}`, command, args: rest, totals: gtestTotals };
  });
}

function gtestTotals(output) {
  const number = (pattern) => Number(output.match(pattern)?.[1] ?? 0);
  return {
    passed: number(/\[ {2}PASSED {2}\] (\d+) test/),
    failed: output.match(/\[ {2}FAILED {2}\] .*\(\d+ ms\)/g)?.length ?? 0,
    skipped: number(/\[ {2}SKIPPED \] (\d+) test/),
  };
}

/** Jest over tests/js. */
function jest() {
  const file = join(results, 'jest.json');
  const program = join(root, 'node_modules/jest/bin/jest.js');
  const args = [
    ...nodeFlags,
    '--experimental-vm-modules',
    program,
    '--json',
    `--outputFile=${file}`,
    // By itself it would take one of two processors, and much of what it waits for is disks and servers.
    `--maxWorkers=${Math.max(2, availableParallelism() - 1)}`,
    'tests/js/',
  ];
  const totals = () => {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const crashed = report.numRuntimeErrorTestSuites;
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + crashed,
      skipped: report.numPendingTests,
    };
  };
  return [{ title: 'Jest', command: process.execPath, args, totals }];
}

/** Node's own test runner over the files `*.test.mjs` of a folder. */
function nodeTest(folder) {
  const tap = join(results, `${folder.replaceAll('/', '-')}.tap`);
  const dir = join(root, folder);
  const files = existsSync(dir) ? readdirSync(dir).filter((file) => file.endsWith('.test.mjs')) : [];
  const reporters = [
    ['tap', tap],
    ['spec', 'stdout'],
  ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
  const args = [
    ...nodeFlags,
    '--test',
    '--test-concurrency=1',
    ...reporters,
    ...files.map((file) => join(dir, file)),
  ];
  const totals = () => {
    const text = readFileSync(tap, 'utf8');
    const number = (name) => Number(text.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0);
    // A file without any test counts as a passed test of the file's name.
    const empty = text.match(/^ok \d+ - \S+\.test\.mjs$/gm)?.length ?? 0;
    const failed = number('fail') + number('cancelled') + empty;
    return { passed: number('pass') - empty, failed, skipped: number('skipped') };
  };
  return files.length ? [{ title: folder, command: process.execPath, args, totals }] : [];
}

/** A command that only passes or fails; one that says `skipped: …` could not do its work here. */
const check = (title, command, ...args) => ({
  title,
  command,
  args,
  totals(output, status) {
    const skipped = status === 0 && /^skipped: /m.test(output) ? 1 : 0;
    return { passed: status === 0 ? 1 - skipped : 0, failed: status === 0 ? 0 : 1, skipped };
  },
});

const checks = () => [
  check('lint and format', 'npm', 'run', '--silent', 'lint'),
  check('format of the C++ files', process.execPath, join(root, 'scripts/clang-format.mjs')),
  check('types', join(root, 'node_modules/.bin/tsc'), '--noEmit'),
];

const demoTypes = () => [
  check('types of the demo', join(root, 'node_modules/.bin/tsc'), '-p', join(root, 'demo')),
];

// Every suite: the name for --only, what it is, the functions of build.mjs and the browsers it needs, its commands;
// `full`: too slow for `npm test`, part of `npm run test:full`; `beside`: it mostly waits, as the one before does, and runs
// at the same time.
export const suites = [
  { name: 'setup', title: 'Set-up scripts', builds: [], commands: () => nodeTest('tests/setup') },
  { name: 'lint', title: 'Lint, format and types', builds: [], commands: checks },
  {
    name: 'lint',
    title: 'Types of the demo, against the built package',
    builds: ['buildPackage'],
    commands: demoTypes,
  },
  {
    name: 'native',
    title: 'C++, native under ASan and UBSan',
    builds: ['buildNative'],
    commands: () => gtest('native'),
  },
  // Two variants have all the code of the four.
  {
    name: 'wasm',
    title: 'C++ as wasm: SIMD128; relaxed SIMD and threads',
    builds: ['buildWasm'],
    commands: () => [
      ...gtest('simd', { wasm: true }),
      ...gtest('relaxed-mt', { wasm: true, flags: nodeFlags }),
    ],
  },
  { name: 'js', title: 'JavaScript', builds: ['buildPackage'], commands: jest },
  {
    name: 'parity',
    title: 'Every model, every output, against timm',
    builds: ['buildPackage'],
    commands: () => nodeTest('tests/parity'),
  },
  {
    name: 'package',
    title: 'The packed package',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/package'),
  },
  {
    name: 'bundlers',
    title: 'The packed package in bundlers, runtimes and strict TypeScript',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/bundlers'),
  },
  {
    name: 'release',
    title: 'Releases: the command, the report, the workflows',
    builds: ['buildPackage'],
    commands: () => nodeTest('tests/release'),
  },
  {
    name: 'examples',
    title: 'The examples: built, and used',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/examples'),
  },
  {
    name: 'browser',
    title: 'The page in Chromium',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/browser'),
  },
  {
    name: 'engines',
    title: 'The package in Chromium, Firefox and WebKit',
    builds: ['buildPackage'],
    browsers: ['chromium', 'firefox', 'webkit'],
    commands: () => nodeTest('tests/engines'),
  },
  {
    name: 'demo',
    full: true,
    title: 'The demo in Chromium',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/demo'),
  },
  {
    name: 'engines',
    title: 'The demo in WebKit and Firefox',
    builds: ['buildPackage'],
    browsers: ['webkit', 'firefox'],
    commands: () => nodeTest('tests/engines/demo'),
  },
  {
    name: 'docs',
    title: 'Documentation: snippets, links, the site',
    builds: ['buildPackage'],
    commands: () => nodeTest('tests/docs'),
  },
  {
    name: 'faults',
    title: 'Downloads that fail, in Node and in Chromium',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/faults'),
  },
  {
    name: 'index',
    beside: true,
    title: 'Indexes: killed writers, damage, full disks, several tabs',
    builds: ['buildPackage'],
    browsers: ['chromium'],
    commands: () => nodeTest('tests/index'),
  },
  {
    name: 'robust',
    title: 'Engines that die, pages that come and go, memory, requests',
    builds: ['buildPackage'],
    commands: () => nodeTest('tests/robust'),
  },
  {
    name: 'interop',
    beside: true,
    title: 'What others take: PostgreSQL with pgvector, Qdrant, Spark',
    builds: ['buildPackage'],
    commands: () => nodeTest('tests/interop'),
  },
];

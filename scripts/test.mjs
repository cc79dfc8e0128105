// npm test: set-up, builds, then every suite; ends with `N passed, N failed` over all of them.
//   npm test -- --only native,js     runs these suites only
//   npm run test:full                also what is slow: whole suites, and cells of others (VITREOUS_TEST_FULL)
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureBrowsers } from './setup/browsers.mjs';
import { root, setup } from './setup/index.mjs';
import { note, SetupError, say, step } from './setup/log.mjs';
import { run } from './setup/run.mjs';
import { results, suites } from './test/suites.mjs';

const SHOWN_LINES = 120;
const SHOWN_COLUMNS = 400; // Node prints the whole minified line that threw

/** Runs one command of a suite. A crash, or a command that ran no test, counts as one failed. */
async function runCommand({ title, command, args, totals }, env) {
  const { status, reason, output, log } = await run(command, args, {
    title: `Test ${title}`,
    cwd: root,
    env,
    allowFailure: true,
  });
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = totals(output, status);
  } catch {
    // No report: the command crashed before it could write one.
  }
  if (counts.failed === 0 && (status !== 0 || counts.passed + counts.skipped === 0)) counts.failed = 1;
  const report = counts.failed ? `--- ${title}: ${reason}; all of it: ${log}\n${tailOf(output)}\n` : '';
  return { ...counts, report };
}

const tailOf = (output) =>
  output
    .trimEnd()
    .split('\n')
    .slice(-SHOWN_LINES)
    .map((line) => line.slice(0, SHOWN_COLUMNS))
    .join('\n');

let preparing = Promise.resolve();
/** Brings what a suite needs; for one suite after another, as neither apt nor a build is for two at once. */
function prepare(suite, build) {
  const prepared = preparing.then(async () => {
    await ensureBrowsers(suite.browsers ?? []);
    for (const name of suite.builds) await build(name);
  });
  preparing = prepared.catch(() => {});
  return prepared;
}

/** Runs a suite's commands, one on each core. Prints the failures. Returns the suite's totals. */
async function runSuite(suite, build, env) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  try {
    await prepare(suite, build);
    await step(suite.title, async () => {
      const reports = [];
      const commands = suite.commands();
      const runSome = async () => {
        for (let command = commands.shift(); command; command = commands.shift()) {
          const counts = await runCommand(command, env);
          for (const key of Object.keys(total)) total[key] += counts[key];
          if (counts.report) reports.push(counts.report);
        }
      };
      await Promise.all(Array.from({ length: availableParallelism() }, runSome));
      if (total.passed + total.failed + total.skipped === 0) {
        total.failed = 1;
        reports.push('No test was found.');
      }
      note(
        `${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`,
      );
      if (reports.length) throw new SetupError(reports.join('\n'));
    });
  } catch (error) {
    say(error instanceof SetupError ? error.message : error.stack);
    total.failed ||= 1;
  }
  return total;
}

/** Lists of suites: each that is marked `beside` with the one before it. */
function grouped(chosen) {
  const groups = [];
  for (const suite of chosen) {
    if (suite.beside && groups.length) groups.at(-1).push(suite);
    else groups.push([suite]);
  }
  return groups;
}

async function testAll() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, full: { type: 'boolean' } } });
  const known = [...new Set(suites.map((suite) => suite.name))];
  const names =
    values.only?.split(',') ??
    known.filter((name) => values.full || suites.some((suite) => suite.name === name && !suite.full));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length)
    throw new SetupError(`No suite is called ${unknown.join(', ')}; there are ${known.join(', ')}.`);

  const ready = await setup();
  const builders = await import('./build.mjs');
  const built = new Map();
  const build = (name) => {
    if (!built.has(name)) built.set(name, builders[name](ready));
    return built.get(name);
  };
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const env = { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
  if (values.full) env.VITREOUS_TEST_FULL = '1';
  const totals = [];
  for (const group of grouped(suites.filter(({ name }) => names.includes(name))))
    totals.push(...(await Promise.all(group.map((suite) => runSuite(suite, build, env)))));
  return totals;
}

let totals;
try {
  totals = await testAll();
} catch (error) {
  say(`\n${error instanceof SetupError ? error.message : error.stack}`);
  totals = [{ passed: 0, failed: 1 }];
}
const sum = (key) => totals.reduce((n, total) => n + total[key], 0);
process.exitCode = sum('failed') ? 1 : 0;
say(`\n${sum('passed')} passed, ${sum('failed')} failed`);

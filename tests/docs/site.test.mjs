// `npm run docs`: the site is whole and stands alone; faults in the comments end the build.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { buildDocs } from '../../scripts/docs.mjs';
import { root, textOf } from './pages.mjs';

const out = join(root, 'build/test-docs');

describe('the site', () => {
  let files;
  before(async () => {
    await buildDocs({ out });
    files = readdirSync(out, { recursive: true }).filter((file) => file.endsWith('.html'));
  });

  test('has a page for whatever the package exports', () => {
    const pages = new Set(files.map((file) => file.replace(/^.*[./]([\w$]+)\.html$/, '$1')));
    const declared = textOf('web/index.ts').matchAll(/^export (?:async )?(?:function|class|const) (\w+)/gm);
    const passedOn = textOf('web/index.ts').matchAll(/^export (?:type )?\{ ([^}]+) \}/gm);
    const names = [
      ...[...declared].map(([, name]) => name),
      ...[...passedOn].flatMap(([, list]) => list.split(', ').map((name) => name.replace('type ', ''))),
    ];
    assert.ok(names.includes('createModel') && names.includes('VitreousError'), `${names}`);
    assert.deepEqual(
      names.filter((name) => !pages.has(name)),
      [],
    );
  });

  test('leads nowhere that it does not have, and fetches nothing from elsewhere', () => {
    const bad = [];
    for (const file of files) {
      const html = readFileSync(join(out, file), 'utf8');
      for (const [, tag, link] of html.matchAll(/<(\w+)[^>]*? (?:href|src)="([^"]*)"/g)) {
        const [path] = link.replaceAll('&amp;', '&').split(/[?#]/);
        const outside = /^[a-z]+:/.test(link);
        // A link out is the reader's choice; a picture or a script is not. From the root: not every server's path.
        if (outside ? tag !== 'a' : path.startsWith('/')) bad.push(`${file}: ${link}`);
        else if (!outside && path && !existsSync(resolve(out, dirname(file), decodeURIComponent(path))))
          bad.push(`${file}: ${link}`);
      }
    }
    assert.deepEqual(bad, []);
  });
});

test('faults in the comments end the build', async () => {
  const folder = join(root, 'build/test-docs-faults');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const source = `
    export function bare(): void {}
    /** See {@link nowhere}. */
    export function lost(): void {}
    interface Hidden { a: number }
    /** Gives what cannot be imported. */
    export function leak(): Hidden { return { a: 1 }; }
    /** @internal */
    export interface Inner { a: number }
    /** Gives what is not for users. */
    export function inside(): Inner { return { a: 1 }; }
    /** @param b - there is no such one */
    export function wrong(a: number): number { return a; }
    /** Has a method without a comment. */
    export class Thing { method(): void {} }
  `;
  writeFileSync(join(folder, 'index.ts'), source);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ include: ['.'] }));
  const at = 'build/test-docs-faults';
  const options = { out: join(folder, 'out'), pages: [], tsconfig: `${at}/tsconfig.json` };
  await assert.rejects(buildDocs({ ...options, entries: { faulty: `${at}/index.ts` } }), ({ message }) => {
    for (const fault of [
      /bare .*does not have any documentation/,
      /Failed to resolve link to "nowhere"/,
      /Hidden is in the signature of .*leak.*, but is not exported/,
      /Inner is in the signature of .*inside.*, but is not exported/,
      /wrong has an @param with name "b"/,
      /Thing\.method .*does not have any documentation/,
    ])
      assert.match(message, fault);
    return true;
  });
});

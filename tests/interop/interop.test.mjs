// What an index gives to others, taken by them: PostgreSQL, Qdrant, and Spark over the command line. NumPy's and Parquet's side is
// in tests/js/export.test.mjs.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createModel } from 'vitreous';
import { exportIndex } from 'vitreous/export';
import { ImageIndex } from 'vitreous/search';
import { ensurePostgres, ensureQdrant, ensureSpark, unpackPgvector } from '../../scripts/setup/interop.mjs';
import { randomEntries } from '../js/support/entries.mjs';
import { cli } from '../js/support/process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vitreous-interop-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program; throws what it said when it failed. */
function run(command, args, { input, env } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw error ?? new Error(`${command} ended with ${status}: ${stderr}`);
  return stdout;
}

describe('PostgreSQL', async () => {
  // With pgvector where Debian's packages run, else one without.
  const unpacked = await unpackPgvector(join(folder, 'postgres-17'));
  const { programs, env } = unpacked ?? { programs: await ensurePostgres() };
  const skip = programs === undefined && 'there is no PostgreSQL, and no Debian to install it as root';
  const data = join(folder, 'postgres');
  // It does not run as root.
  const owner = unpacked ? 'nobody' : 'postgres';
  const asOwner = (command, ...args) =>
    process.getuid() === 0
      ? run('runuser', ['-u', owner, '--', command, ...args], { env })
      : run(command, args, { env });
  const psql = (sql) =>
    run(
      join(programs, 'psql'),
      ['-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-h', data, '-U', 'postgres', '-d', 'postgres'],
      {
        input: sql,
        env,
      },
    );

  before(() => {
    if (skip) return;
    mkdirSync(data);
    chmodSync(folder, 0o755);
    if (process.getuid() === 0) run('chown', [owner, data]);
    asOwner(
      join(programs, 'initdb'),
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    );
    asOwner(
      join(programs, 'pg_ctl'),
      '-D',
      data,
      '-w',
      '-l',
      join(data, 'log'),
      '-o',
      `-k ${data} -c listen_addresses=`,
      'start',
    );
  });
  after(() => {
    if (!skip) asOwner(join(programs, 'pg_ctl'), '-D', data, '-m', 'immediate', 'stop');
  });

  test('takes the rows, and finds the same neighbours', { skip }, async (t) => {
    const dim = 32;
    const index = await ImageIndex.create({ dim });
    const entries = randomEntries(500, dim);
    await index.add(entries);
    const [file] = exportIndex(index, 'pgvector', { table: 'photos' });
    let sql = await (await file.toBlob()).text();
    const query = Array.from(entries[7].vector);
    const own = await index.search(entries[7].vector, { k: 10 });
    index.close();

    const hasVector = psql("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'") !== '';
    t.diagnostic(`pgvector: ${hasVector ? 'as it is' : 'absent, arrays in its place'}`);
    ok(hasVector || !unpacked);
    let order = `embedding <=> '[${query}]'`;
    if (!hasVector) {
      // Debian's release has no pgvector: the same rows as arrays, and the distance spelled out.
      sql = sql
        .replace('CREATE EXTENSION IF NOT EXISTS vector;\n', '')
        .replace(`vector(${dim})`, 'float8[]')
        .replace(/\t\[([^\]\t]*)\]$/gm, '\t{$1}');
      order = `-(SELECT sum(a * b) FROM unnest(embedding, '{${query}}'::float8[]) AS pairs(a, b))`;
    }
    psql(sql);
    equal(psql('SELECT count(*) FROM photos').trim(), '500');
    const rows = psql(
      `SELECT json_build_object('id', id, 'metadata', metadata) FROM photos ORDER BY ${order} LIMIT 10`,
    );
    const found = rows
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    deepEqual(
      found.map(({ id }) => id),
      own.map(({ id }) => id),
    );
    deepEqual(
      found.map(({ metadata }) => metadata ?? undefined),
      own.map(({ metadata }) => metadata),
    );
    // The one whose name has all that is to be escaped.
    const [odd] = entries;
    equal(JSON.parse(psql(`SELECT to_json(id) FROM photos WHERE metadata->>'n' = '0'`)), odd.id);
  });
});

describe('Qdrant', async () => {
  const python = await ensureQdrant();
  const skip = python.missing !== undefined && `there is no ${python.missing}, and no way to install it`;

  test('its client takes the bodies, and finds the same neighbours', { skip }, async () => {
    for (const metric of ['cosine', 'dot']) {
      const index = await ImageIndex.create({ dim: 24, metric });
      const entries = randomEntries(8000, 24); // several bodies
      await index.add(entries);
      for (const file of exportIndex(index, 'qdrant'))
        writeFileSync(join(folder, file.name), Buffer.from(await (await file.toBlob()).arrayBuffer()));
      const query = join(folder, 'query.json');
      writeFileSync(query, JSON.stringify(Array.from(entries[7].vector)));
      const own = await index.search(entries[7].vector, { k: 10 });
      const filtered = await index.search(entries[7].vector, { k: 10, filter: { n: { lt: 100 } } });
      await index.close();
      const args = [here('qdrant_local.py'), folder, query];
      const theirs = JSON.parse(run(python.python, args, { env: python.env }));
      equal(theirs.count, 8000);
      deepEqual(
        theirs.found.map(({ payload }) => payload),
        own.map(({ id, metadata }) => ({ id, ...(metadata && { metadata }) })),
      );
      for (const [i, { score }] of theirs.found.entries()) ok(Math.abs(score - own[i].score) < 1e-5);
      deepEqual(
        theirs.filtered,
        filtered.map(({ id }) => id),
      );
    }
  });
});

describe('Python', async () => {
  const python = await ensureSpark();
  const skip = python.missing !== undefined && `there is no ${python.missing}, and no way to install it`;

  test('pyarrow and NumPy read what was exported', { skip }, async () => {
    const index = await ImageIndex.create({ dim: 24, metric: 'dot' });
    const entries = randomEntries(300, 24);
    await index.add(entries);
    for (const file of ['parquet', 'npy'].flatMap((format) => exportIndex(index, format))) {
      writeFileSync(join(folder, file.name), Buffer.from(await (await file.toBlob()).arrayBuffer()));
    }
    index.close();
    const read = JSON.parse(run(python.python, [here('read.py'), folder], { env: python.env }));
    for (const { ids, metadata, vectors } of [read.parquet, read.npy]) {
      deepEqual(
        ids,
        entries.map(({ id }) => id),
      );
      deepEqual(
        metadata.map((value) => value ?? undefined),
        entries.map((entry) => entry.metadata),
      );
      deepEqual(
        vectors.map((vector) => new Float32Array(vector)),
        entries.map(({ vector }) => vector),
      );
    }
  });

  test('Spark spreads `vitreous embed -` over two workers', { skip }, async () => {
    const photos = here('../../dist/photos/');
    const names = readdirSync(photos).filter((name) => name.endsWith('.jpg'));
    const files = [...names.map((name) => join(photos, name)), join(photos, 'missing.jpg')];
    const list = join(folder, 'files.json');
    writeFileSync(list, JSON.stringify(files));
    const flags = process.execArgv.filter((flag) => flag.startsWith('--experimental-wasm'));
    const command = [process.execPath, ...flags, cli, 'embed', '-', '--errors-inline', '--threads', '1'].join(
      ' ',
    );
    const output = run(python.python, [here('spark.py'), list, command], { env: python.env });
    const workers = JSON.parse(output).map((lines) => lines.map((line) => JSON.parse(line)));
    equal(workers.length, 2);
    ok(workers.every((lines) => lines.length > 0));
    const lines = workers.flat();
    deepEqual(
      lines.map(({ file }) => file),
      files,
    );
    equal(lines.at(-1).error.code, 'INVALID_IMAGE');
    const model = await createModel('vit_nano_patch16_224', { threads: 1 });
    for (const { file, embedding } of lines.slice(0, -1)) {
      deepEqual(new Float32Array(embedding), await model.embed(file));
    }
    model.dispose();
  });
});

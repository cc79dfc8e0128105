// Export and import: what round trips, what is refused. tests/interop reads the files with the programs they are for.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { exportIndex, importIndex, openImport } from '../../dist/node-export.mjs';
import { ImageIndex } from '../../dist/node-search.mjs';
import { odd, randomEntries } from './support/entries.mjs';
import { parseNpy } from './support/npy.mjs';

jest.setTimeout(120_000); // for a machine with other work

const DIM = 256;
const entries = randomEntries(1500, DIM);

let index;
beforeAll(async () => {
  index = await ImageIndex.create({ dim: DIM });
  await index.add(entries);
});
afterAll(() => index.close());

const opened = [];
const create = async (options) => {
  opened.push(await ImageIndex.create(options));
  return opened.at(-1);
};
afterEach(() => Promise.all(opened.splice(0).map((made) => made.close())));

const indexOf = async (list, options = {}) => {
  const made = await create({ dim: DIM, ...options });
  if (list.length > 0) await made.add(list);
  return made;
};
const all = async (made) => {
  const found = [];
  for await (const entry of made) found.push(entry);
  return found;
};
const blobs = async (made, format, options) =>
  Object.fromEntries(
    await Promise.all(
      exportIndex(made, format, options).map(async (file) => [file.name, await file.toBlob()]),
    ),
  );
const npyFiles = async (made) => {
  const files = await blobs(made, 'npy');
  return { npy: files['vectors.npy'], jsonl: files['entries.jsonl'] };
};
const parquetFiles = async (made) => ({ parquet: (await blobs(made, 'parquet'))['index.parquet'] });
const blob = (text) => new Blob([text]);
const vector = (value = 1, dim = DIM) => new Float32Array(dim).fill(value);

describe.each([
  ['npy', npyFiles],
  ['parquet', parquetFiles],
])('%s', (_, filesOf) => {
  test.each(['cosine', 'dot'])('comes back as it was: %s', async (metric) => {
    const from = await indexOf(entries, { metric });
    await from.remove([entries[7].id, entries[1400].id]);
    const to = await indexOf([], { metric });
    const seen = [];
    const count = await importIndex(to, await filesOf(from), {
      onProgress: ({ loaded }) => seen.push(loaded),
    });
    expect(count).toBe(entries.length - 2);
    expect(await all(to)).toEqual(await all(from));
    expect(seen.at(-1)).toBe(count);
  });

  test('of no entries', async () => {
    const none = await indexOf([]);
    const to = await indexOf([]);
    expect(await importIndex(to, await filesOf(none))).toBe(0);
    expect(to.size).toBe(0);
  });

  test('an id that the index has: nothing is added, or it is replaced', async () => {
    const files = await filesOf(index);
    const to = await indexOf([{ id: entries[1499].id, vector: vector() }]);
    await expect(importIndex(to, files)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(to.size).toBe(1);
    await importIndex(to, files, { replace: true });
    expect(await all(to)).toEqual(await all(index));
  });

  test('into an index of another dim', async () => {
    const to = await create({ dim: 3 });
    await expect(importIndex(to, await filesOf(index))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/256.* 3/),
    });
  });

  test('stopped half-way: what was added is removed', async () => {
    const from = await indexOf(randomEntries(5000, DIM));
    const files = await filesOf(from);
    const to = await indexOf([{ id: 'own', vector: vector() }]);
    const stop = new AbortController();
    const onProgress = ({ loaded, total }) => {
      expect(loaded).toBeLessThan(total);
      stop.abort();
    };
    const work = importIndex(to, files, { signal: stop.signal, onProgress });
    await expect(work).rejects.toMatchObject({ code: 'ABORTED' });
    expect([...to.ids()]).toEqual(['own']);
  });

  test('truncated anywhere', async () => {
    const few = await indexOf(entries.slice(0, 5));
    const files = await filesOf(few);
    for (const [key, whole] of Object.entries(files)) {
      for (let size = 0; size < whole.size; size += 61) {
        const work = (async () => {
          const to = await indexOf([]);
          return await importIndex(to, { ...files, [key]: whole.slice(0, size) });
        })();
        await expect(work).rejects.toMatchObject({ code: 'IMPORT_FORMAT' });
      }
    }
  });
});

describe('npy', () => {
  test('is what NumPy and JSON lines are', async () => {
    const { npy, jsonl } = await npyFiles(index);
    const { data, shape } = parseNpy(new Uint8Array(await npy.arrayBuffer()), 'vectors.npy');
    expect(shape).toEqual([entries.length, DIM]);
    const stored = await all(index);
    expect(data.subarray(DIM * 1400, DIM * 1401)).toEqual(stored[1400].vector);
    const lines = (await jsonl.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      entries.map(({ id, metadata }) => ({ id, ...(metadata && { metadata }) })),
    );
  });

  const withHead = (...parts) => new Blob([Uint8Array.of(0x93), 'NUMPY', ...parts]);
  const npy = (descr, order, shape, bytes) => {
    const dict = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(118);
    return withHead(Uint8Array.of(1, 0, 118, 0), dict, new Uint8Array(bytes));
  };
  const good = npy("'<f4'", 'False', '(2, 3)', 24);
  test.each([
    ['no .npy', blob('PK\u0003\u0004'), /numpy\.save/],
    ['float64', npy("'<f8'", 'False', '(2, 3)', 48), /'<f8'.*astype/],
    ['big-endian', npy("'>f4'", 'False', '(2, 3)', 24), /'>f4'/],
    ['a structured dtype', npy("[('a', '<f4')]", 'False', '(2, 3)', 24), /\('a'/],
    ['Fortran order', npy("'<f4'", 'True', '(2, 3)', 24), /Fortran/],
    ['one dimension', npy("'<f4'", 'False', '(6,)', 24), /shape \(6\)/],
    ['three dimensions', npy("'<f4'", 'False', '(2, 3, 1)', 24), /shape/],
    ['a version to come', withHead(Uint8Array.of(4, 0, 118, 0), ' '.repeat(200)), /head/],
    ['a row too few', npy("'<f4'", 'False', '(2, 3)', 12), /12 bytes.* 24/],
  ])('%s', async (_, matrix, message) => {
    const work = openImport({ npy: matrix, jsonl: blob('{"id":"a"}\n{"id":"b"}\n') });
    await expect(work).rejects.toMatchObject({
      code: 'IMPORT_FORMAT',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['a line missing', '{"id":"a"}\n', /Line 2 of .* missing/],
    ['a line too many', '{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n', /Line 3 .* 2 rows/],
    ['an empty line', '{"id":"a"}\n\n{"id":"b"}\n', /Line 2 .* JSON/],
    ['no JSON', '{"id":"a"}\nb\n', /Line 2 .* JSON/],
    ['null', '{"id":"a"}\nnull\n', /Line 2 .*"id"/],
    ['a number as id', '{"id":1}\n{"id":"b"}', /Line 1 .*"id"/],
    ['an id twice', '{"id":"a"}\n{"id":"a"}', /"a".* 1 and 2/],
    ['metadata that is a list', '{"id":"a","metadata":[]}\n{"id":"b"}', /Line 1 .*metadata/],
    ['Latin-1', Uint8Array.of(0x7b, 0xe4, 0x0a), /UTF-8/],
  ])('%s in the JSONL', async (_, jsonl, message) => {
    const work = openImport({ npy: good, jsonl: blob(jsonl) });
    await expect(work).rejects.toMatchObject({
      code: 'IMPORT_FORMAT',
      message: expect.stringMatching(message),
    });
  });

  test('the last line may do without its end, and lines may end as in Windows', async () => {
    const { ids } = await openImport({ npy: good, jsonl: blob('{"id":"a"}\r\n{"id":"b"}') });
    expect(ids).toEqual(['a', 'b']);
  });

  test('a vector that is not finite: nothing stays', async () => {
    const to = await indexOf([]);
    const list = randomEntries(6000, DIM);
    const from = await indexOf(list, { metric: 'dot' });
    const { npy: matrix, jsonl } = await npyFiles(from);
    const bytes = new Uint8Array(await matrix.arrayBuffer());
    bytes.fill(0xff, bytes.length - 4); // NaN
    await expect(importIndex(to, { npy: new Blob([bytes]), jsonl })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(to.size).toBe(0);
  });
});

describe('pgvector', () => {
  const sql = async (list, options) => {
    const made = await create({ dim: 2, metric: 'dot' });
    await made.add(list);
    return (await blobs(made, 'pgvector', options))['index.sql'].text();
  };

  test('COPY’s text format', async () => {
    const text = await sql([
      { id: 'a\tb\\c\nd\re', vector: [0.5, -1e-20], metadata: { path: 'C:\\x\ty', quote: '"\'' } },
      { id: '\\.', vector: [1, 16777216] },
    ]);
    expect(text.split('\n').slice(-6)).toEqual([
      'COPY "vitreous" (id, metadata, embedding) FROM stdin;',
      `a\\tb\\\\c\\nd\\re\t${'{"path":"C:\\\\x\\ty","quote":"\\"\'"}'.replaceAll('\\', '\\\\')}\t[0.5,${Math.fround(-1e-20)}]`,
      '\\\\.\t\\N\t[1,16777216]',
      '\\.',
      'COMMIT;',
      '',
    ]);
  });

  test('a table’s name is quoted', async () => {
    const text = await sql([], { table: 'my "photos"' });
    expect(text).toContain('CREATE TABLE "my ""photos""" (');
    await expect(sql([], { table: 'ä'.repeat(32) })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test.each([
    [{ id: 'a\0b' }],
    [{ id: 'a', metadata: { deep: ['\0'] } }],
    [{ id: 'a', metadata: { 'ke\0y': 1 } }],
    [{ id: 'a', metadata: { half: '\ud83d' } }],
    [{ id: '\ud83d' }],
  ])('what PostgreSQL cannot hold: %j', async (entry) => {
    await expect(sql([{ ...entry, vector: [1, 0] }])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(JSON.stringify(entry.id)),
    });
  });
});

describe('qdrant', () => {
  test('bodies of a few megabytes, with every point once', async () => {
    const files = await blobs(index, 'qdrant');
    expect(JSON.parse(await files['collection.json'].text())).toEqual({
      vectors: { size: DIM, distance: 'Cosine' },
    });
    const bodies = (await files['points.jsonl'].text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(bodies).toHaveLength(3);
    const points = bodies.flatMap((body) => body.points);
    const stored = await all(index);
    expect(points.map(({ payload }) => payload)).toEqual(
      entries.map(({ id, metadata }) => ({ id, ...(metadata && { metadata }) })),
    );
    for (const [i, point] of points.entries())
      expect(Float32Array.from(point.vector)).toEqual(stored[i].vector);
    expect(new Set(points.map(({ id }) => id)).size).toBe(points.length);
  });

  test('ids are Python’s uuid.uuid5(uuid.NAMESPACE_URL, id)', async () => {
    const made = await indexOf(['photo.jpg', odd].map((id) => ({ id, vector: vector() })));
    const { points } = JSON.parse(await (await blobs(made, 'qdrant'))['points.jsonl'].text());
    expect(points.map(({ id }) => id)).toEqual([
      '25bb1080-4690-51aa-a871-8ac24ac8d72a',
      '22bd12ff-df17-566f-bb8e-a2b97d3e92d8',
    ]);
  });

  test('of no entries there is no body', async () => {
    const made = await indexOf([]);
    expect((await blobs(made, 'qdrant'))['points.jsonl'].size).toBe(0);
  });
});

describe('parquet', () => {
  test('another kind of file', async () => {
    const work = openImport({ parquet: blob('id,vector\na,1\n') });
    await expect(work).rejects.toMatchObject({ code: 'IMPORT_FORMAT' });
  });

  test('half a surrogate pair, which UTF-8 has not', async () => {
    const made = await indexOf([{ id: '\udc00', vector: vector() }]);
    await expect(parquetFiles(made)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('all formats', () => {
  test('another one', () => {
    expect(() => exportIndex(index, 'csv')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test.each(['npy', 'parquet', 'pgvector', 'qdrant'])('%s comes in pieces', async (format) => {
    for (const file of exportIndex(index, format)) {
      for await (const piece of file) expect(piece.length).toBeLessThan(6e6);
    }
  });

  test.each(['npy', 'parquet', 'pgvector', 'qdrant'])('%s: the index changes meanwhile', async (format) => {
    const made = await indexOf(entries);
    const file = exportIndex(made, format).at(-1);
    await made.remove(entries[3].id);
    await expect(file.toBlob()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/changed/),
    });
  });

  test('stops', async () => {
    const stop = new AbortController();
    const [file] = exportIndex(index, 'npy', { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(file.toBlob()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

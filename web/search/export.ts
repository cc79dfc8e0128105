// An index for others: NumPy, Parquet, PostgreSQL with pgvector, Qdrant. docs/export.md has the commands on the other side.
import { throwIfAborted, VitreousError } from '../errors.js';
import { parquetFile } from './export_parquet.js';
import { pgvectorFile } from './export_pgvector.js';
import { qdrantFiles } from './export_qdrant.js';
import { pieces, type Sheet, text } from './export_sheet.js';
import { npyHeader } from './npy.js';
import type { SearchIndex } from './search_index.js';
import type { Entry } from './types.js';

/** The formats of {@link exportIndex}. */
export const EXPORT_FORMATS = ['npy', 'parquet', 'pgvector', 'qdrant'] as const;
/** One of {@link EXPORT_FORMATS}. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Options of {@link exportIndex}. */
export interface ExportOptions {
  /** `'pgvector'`: name of the table, `'vitreous'` by default. */
  table?: string;
  signal?: AbortSignal;
  /** How many entries of the file `name` have been written. */
  onProgress?: (progress: { stage: 'export'; name: string; loaded: number; total: number }) => void;
}

/** A file to be written. Its bytes are made while they are read, a few megabytes at a time, each time anew. */
export interface ExportedFile {
  name: string;
  /** MIME type. */
  type: string;
  /** Its bytes. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>>;
  /** The whole file; a browser may keep it on the disk. */
  toBlob(): Promise<Blob>;
}

/**
 * The files by which another system takes over an index, in its order:
 *
 * | format | files |
 * |---|---|
 * | `'npy'` | `vectors.npy` (entries, dim) float32, and `entries.jsonl`, a line `{"id", "metadata"}` each |
 * | `'parquet'` | `index.parquet`: `id` string, `metadata` string (JSON) or null, `vector` list of float |
 * | `'pgvector'` | `index.sql` for psql: the table, and its rows as `COPY` |
 * | `'qdrant'` | `collection.json` and `points.jsonl`: bodies of `PUT /collections/{name}` and `…/points`, one a line |
 *
 * Vectors are as the index has them: of length 1 with `metric: 'cosine'`. The index must not change until the files are read.
 *
 * @example
 * ```ts
 * for (const file of exportIndex(index, 'npy')) download(file.name, await file.toBlob());
 * ```
 * @throws `INVALID_ARGUMENT` for another format, and while a file is read for an id or metadata that the format cannot hold,
 *   or when the index has changed; `ABORTED`
 */
export function exportIndex(
  index: SearchIndex,
  format: ExportFormat,
  options: ExportOptions = {},
): ExportedFile[] {
  const sheets = sheetsOf(format, options);
  const ids = [...index.ids()];
  const shape = { rows: ids.length, dim: index.dim, metric: index.metric };
  return sheets.map(({ name, type, bytes }) => {
    const read = () => bytes(unchanged(index, ids, name, options), shape);
    return {
      name,
      type,
      [Symbol.asyncIterator]: read,
      async toBlob() {
        // A Blob each: only a piece has to be in memory.
        const parts: Blob[] = [];
        for await (const piece of read()) parts.push(new Blob([piece]));
        return new Blob(parts, { type });
      },
    };
  });
}

function sheetsOf(format: ExportFormat, { table = 'vitreous' }: ExportOptions): Sheet[] {
  if (format === 'npy') return [vectors, entryLines];
  if (format === 'parquet') return [parquetFile];
  if (format === 'pgvector') return [pgvectorFile(table)];
  if (format === 'qdrant') return qdrantFiles;
  throw new VitreousError('INVALID_ARGUMENT', `The format is ${EXPORT_FORMATS.join(', ')}, not ${format}.`);
}

/** The entries, as long as they are those that were there when the export began. */
async function* unchanged(
  index: SearchIndex,
  ids: string[],
  name: string,
  { signal, onProgress }: ExportOptions,
): AsyncGenerator<Entry> {
  let loaded = 0;
  const check = (same: boolean) => {
    if (!same)
      throw new VitreousError(
        'INVALID_ARGUMENT',
        'The index changed while it was exported: export it again.',
      );
  };
  for await (const entry of index.entries()) {
    throwIfAborted(signal);
    check(entry.id === ids[loaded]);
    yield entry;
    loaded++;
    onProgress?.({ stage: 'export', name, loaded, total: ids.length });
  }
  check(loaded === ids.length);
}

const vectors: Sheet = {
  name: 'vectors.npy',
  type: 'application/octet-stream',
  async *bytes(entries, { rows, dim }) {
    yield npyHeader([rows, dim]);
    yield* pieces(
      entries,
      ({ vector }) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength),
    );
  },
};

const entryLines: Sheet = {
  name: 'entries.jsonl',
  type: 'application/x-ndjson',
  bytes: (entries) => text(entries, ({ id, metadata }) => `${JSON.stringify({ id, metadata })}\n`),
};

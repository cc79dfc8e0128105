// Apache Parquet, read by hyparquet: uncompressed or Snappy, which is what exportIndex, pandas and PyArrow write.
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { VitreousError } from '../errors.js';
import { asMetadata, type ImportSource, parseJson } from './import_source.js';
import type { Metadata } from './types.js';

/** Ids and metadata are read so many rows at a time. */
const READ_ROWS = 1 << 14;

export async function readParquet(parquet: Blob): Promise<ImportSource> {
  const name = 'name' in parquet ? String(parquet.name) : 'The Parquet file';
  const file: AsyncBuffer = {
    byteLength: parquet.size,
    slice: async (start, end) => parquet.slice(start, end).arrayBuffer(),
  };
  const read = <T>(reading: Promise<T>) =>
    reading.catch((cause) => {
      throw failure(`${name} is damaged, or no Parquet file of a kind that is read: ${cause.message}`, cause);
    });
  const about = await read(parquetMetadataAsync(file));
  const columns = columnsOf(about, name);
  const rows = Number(about.num_rows);
  const rowsOf = (rowStart: number, rowEnd: number, of: string[]) =>
    read(parquetReadObjects({ file, metadata: about, columns: of, rowStart, rowEnd }));

  const ids: string[] = [];
  const metadata: (Metadata | undefined)[] = [];
  for (let from = 0; from < rows; from += READ_ROWS) {
    for (const row of await rowsOf(from, Math.min(from + READ_ROWS, rows), columns)) {
      const where = `Row ${ids.length + 1} of ${name}`;
      if (typeof row.id !== 'string') throw failure(`${where} has no id.`);
      const json = row.metadata;
      ids.push(row.id);
      metadata.push(asMetadata(typeof json === 'string' ? parseJson(json, where) : json, where));
    }
  }
  const groups = groupsOf(about);
  let last: { start: number; vectors: unknown[] } | undefined;
  /** The row group with this row; as a whole, because a part takes as long. */
  const groupAt = async (row: number) => {
    const { start, end } = groups.find((group) => row < group.end) as { start: number; end: number };
    if (last?.start !== start) {
      last = undefined; // its memory first
      last = { start, vectors: (await rowsOf(start, end, ['vector'])).map(({ vector }) => vector) };
    }
    return last;
  };
  const vectorAt = async (row: number) => {
    const { start, vectors } = await groupAt(row);
    const vector = vectors[row - start];
    if (!Array.isArray(vector) || vector.length === 0 || vector.includes(null))
      throw failure(`Row ${row + 1} of ${name} has no vector, or one with a null.`);
    return vector as number[];
  };
  const dim = rows > 0 ? (await vectorAt(0)).length : 0;
  return {
    dim,
    ids,
    metadata,
    async vectors(from, to) {
      const all = new Float32Array((to - from) * dim);
      for (let row = from; row < to; row++) {
        const vector = await vectorAt(row);
        if (vector.length !== dim)
          throw failure(
            `Row ${row + 1} of ${name} has a vector of ${vector.length} numbers, the first of ${dim}.`,
          );
        all.set(vector, (row - from) * dim);
      }
      return all;
    },
  };
}

function groupsOf({ row_groups }: FileMetaData): { start: number; end: number }[] {
  let end = 0;
  return row_groups.map(({ num_rows }) => {
    const start = end;
    end += Number(num_rows);
    return { start, end };
  });
}

/** The columns beside the vectors. */
function columnsOf({ schema }: FileMetaData, name: string): string[] {
  // Depth first: what follows a column until the next one of the root is inside it.
  const at = (column: string) => schema.findIndex((element) => element.name === column);
  const [id, vector] = [schema[at('id')], at('vector')];
  if (id?.type !== 'BYTE_ARRAY') throw failure(`${name} has no column id of strings.`);
  const leaf = schema.slice(Math.max(vector, 0)).find(({ type }) => type !== undefined);
  if (vector < 0 || schema[vector]?.num_children !== 1 || leaf === undefined)
    throw failure(`${name} has no column vector of lists.`);
  if (leaf.type !== 'FLOAT')
    throw failure(`${name} has vectors of ${leaf.type}, not FLOAT: write them as lists of float32.`);
  return at('metadata') < 0 ? ['id'] : ['id', 'metadata'];
}

const failure = (message: string, cause?: unknown) => new VitreousError('IMPORT_FORMAT', message, { cause });

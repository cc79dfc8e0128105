// Apache Parquet, written by hyparquet-writer.
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type Sheet, wellFormed } from './export_sheet.js';
import type { Entry } from './types.js';

/** Values of a row group, which is in memory as a whole. */
const GROUP_VALUES = 1 << 20;

type Writer = ByteWriter & { index: number };
type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];

const SCHEMA: Schema = [
  { name: 'root', num_children: 3 },
  { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'metadata', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  { name: 'vector', converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
];

export const parquetFile: Sheet = {
  name: 'index.parquet',
  type: 'application/vnd.apache.parquet',
  async *bytes(entries, { dim }) {
    const writer = new ByteWriter() as Writer;
    const file = new ParquetWriter({
      writer,
      schema: SCHEMA,
      codec: 'UNCOMPRESSED', // floats of embeddings do not get smaller
      createdBy: 'vitreous',
    });
    const groupRows = Math.max(1, Math.floor(GROUP_VALUES / dim));
    for await (const group of groupsOf(entries, groupRows)) {
      file.write({ columnData: columnsOf(group), rowGroupSize: groupRows });
      yield taken(writer);
    }
    file.finish();
    yield taken(writer);
  },
};

const columnsOf = (group: Entry[]) => [
  { name: 'id', data: group.map(({ id }) => wellFormed(id)), statistics: false },
  {
    name: 'metadata',
    data: group.map(({ metadata }) => (metadata === undefined ? null : JSON.stringify(metadata))),
    statistics: false,
  },
  {
    name: 'vector',
    data: group.map(({ vector }) => Array.from(vector)),
    encoding: 'PLAIN' as const, // no search for values that repeat
    statistics: false,
  },
];

async function* groupsOf(entries: AsyncIterable<Entry>, rows: number): AsyncGenerator<Entry[]> {
  let group: Entry[] = [];
  for await (const entry of entries) {
    group.push(entry);
    if (group.length < rows) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** What was written since the last time; the writer goes on counting. */
function taken(writer: Writer): Uint8Array<ArrayBuffer> {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}

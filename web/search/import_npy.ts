// .npy and, in the same order, JSONL.
import { VitreousError } from '../errors.js';
import { asMetadata, type ImportSource, parseJson } from './import_source.js';
import { readNpyHeader } from './npy.js';
import type { Metadata } from './types.js';

const READ_BYTES = 1 << 20;

export async function readNpy(npy: Blob, jsonl: Blob): Promise<ImportSource> {
  const [matrix, lines] = [nameOf(npy, 'The .npy file'), nameOf(jsonl, 'The JSONL file')];
  const { rows, dim, start } = await readNpyHeader(npy, matrix);
  const ids: string[] = [];
  const metadata: (Metadata | undefined)[] = [];
  for await (const line of linesOf(jsonl, lines)) {
    const where = `Line ${ids.length + 1} of ${lines}`;
    if (ids.length === rows) throw failure(`${where} is one too many: ${matrix} has ${rows} rows.`);
    const value = parseJson(line, where) as { id?: unknown; metadata?: unknown } | null;
    if (typeof value?.id !== 'string') throw failure(`${where} has no "id" that is a string.`);
    ids.push(value.id);
    metadata.push(asMetadata(value.metadata, where));
  }
  if (ids.length < rows)
    throw failure(`Line ${ids.length + 1} of ${lines} is missing: ${matrix} has ${rows} rows.`);
  return {
    dim,
    ids,
    metadata,
    async vectors(from, to) {
      return new Float32Array(await npy.slice(start + 4 * from * dim, start + 4 * to * dim).arrayBuffer());
    },
  };
}

/** The last line may do without its end. */
async function* linesOf(file: Blob, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for (let at = 0; at < file.size; at += READ_BYTES) {
    const bytes = await file.slice(at, at + READ_BYTES).arrayBuffer();
    try {
      rest += decoder.decode(bytes, { stream: at + READ_BYTES < file.size });
    } catch (cause) {
      throw new VitreousError('IMPORT_FORMAT', `${name} is not in UTF-8.`, { cause });
    }
    const lines = rest.split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

const nameOf = (file: Blob, otherwise: string) => ('name' in file ? String(file.name) : otherwise);
const failure = (message: string) => new VitreousError('IMPORT_FORMAT', message);

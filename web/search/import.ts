// An index from what others wrote, or exportIndex did.
import { throwIfAborted, VitreousError } from '../errors.js';
import { readNpy } from './import_npy.js';
import { readParquet } from './import_parquet.js';
import type { ImportSource } from './import_source.js';
import type { SearchIndex } from './search_index.js';

export type { ImportSource };

/** Numbers that are in memory at a time. */
const BATCH_VALUES = 1 << 20;

/** What to import; a file's name is what errors call it. */
export type ImportFiles =
  | {
      /** (entries, dim) float32 */
      npy: Blob;
      /** A line `{"id", "metadata"}` for each row, in the same order; `metadata` may be missing. */
      jsonl: Blob;
    }
  | {
      /** Columns `id` string, `vector` list of float, and if there is one `metadata` string (JSON); others are left out. */
      parquet: Blob;
    };

/** Options of {@link importIndex}. */
export interface ImportOptions {
  /** Entries of the same ids are replaced. Default false: `INVALID_ARGUMENT`. */
  replace?: boolean;
  signal?: AbortSignal;
  /** How many entries are in the index and on the disk. */
  onProgress?: (progress: { stage: 'import'; loaded: number; total: number }) => void;
}

/**
 * Reads what {@link importIndex} takes, all but the vectors: for who has to know `dim` to make the index.
 * @throws `IMPORT_FORMAT`: the message names the file and the line or row
 */
export async function openImport(files: ImportFiles): Promise<ImportSource> {
  const source = await ('parquet' in files ? readParquet(files.parquet) : readNpy(files.npy, files.jsonl));
  const seen = new Map<string, number>();
  for (const [row, id] of source.ids.entries()) {
    const before = seen.get(id);
    if (before !== undefined)
      throw new VitreousError(
        'IMPORT_FORMAT',
        `The id ${JSON.stringify(id)} is there twice, as entry ${before + 1} and ${row + 1}.`,
      );
    seen.set(id, row);
  }
  return source;
}

/**
 * Adds what {@link exportIndex} wrote as `'npy'` or `'parquet'`, or NumPy, pandas, PyArrow. Of what comes from an index of
 * fp32 (or `keep`) and the same metric, the vectors are the same bits. With an error, what was added
 * is removed again; only with `replace` what was replaced stays so.
 *
 * @example
 * ```ts
 * await importIndex(index, { npy: vectorsFile, jsonl: entriesFile });
 * ```
 * @returns how many entries came
 * @throws `IMPORT_FORMAT`; `INVALID_ARGUMENT` for vectors of another length than the index's or not finite, and for ids that
 *   it has; what `index.add` throws; `ABORTED`
 */
export async function importIndex(
  index: SearchIndex,
  files: ImportFiles | ImportSource,
  { replace = false, signal, onProgress }: ImportOptions = {},
): Promise<number> {
  const source = 'ids' in files ? files : await openImport(files);
  const { dim, ids, metadata } = source;
  const total = ids.length;
  if (total > 0 && dim !== index.dim)
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `The vectors have ${dim} numbers, those of the index ${index.dim}: import them into one of that dim.`,
    );
  const existing = replace ? undefined : ids.find((id) => index.has(id));
  if (existing !== undefined)
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `The index has an entry ${JSON.stringify(existing)} already. Use { replace: true } to replace it.`,
    );
  const batch = Math.max(1, Math.floor(BATCH_VALUES / dim));
  let loaded = 0;
  try {
    while (loaded < total) {
      throwIfAborted(signal);
      const to = Math.min(loaded + batch, total);
      const vectors = await source.vectors(loaded, to);
      const entries = ids.slice(loaded, to).map((id, i) => {
        const known = metadata[loaded + i];
        return { id, vector: vectors.subarray(i * dim, (i + 1) * dim), ...(known && { metadata: known }) };
      });
      await (replace ? index.upsert(entries) : index.add(entries));
      loaded = to;
      onProgress?.({ stage: 'import', loaded, total });
    }
  } catch (error) {
    if (!replace && loaded > 0) await index.remove(ids.slice(0, loaded));
    throw error;
  }
  return total;
}

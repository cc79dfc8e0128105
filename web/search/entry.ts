import { VitreousError } from '../errors.js';
import type { StoredEntry } from './format.js';
import { invalid } from './query.js';
import type { Metadata, NewEntry } from './types.js';

/** As it goes into the log; what does not survive JSON is refused here. */
export function toStored({ id, metadata }: NewEntry): StoredEntry {
  if (typeof id !== 'string') throw invalid(`An id is a string, not ${typeof id}.`);
  if (metadata === undefined) return { id };
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw invalid(`The metadata of '${id}' is not an object.`);
  try {
    return { id, metadata: JSON.parse(JSON.stringify(metadata)) };
  } catch (cause) {
    throw new VitreousError('INVALID_ARGUMENT', `The metadata of '${id}' cannot be written as JSON.`, {
      cause,
    });
  }
}

/** A copy: the index's own must not be changed by who got it. */
export function outside({ id, metadata }: StoredEntry): { id: string; metadata: Metadata | undefined } {
  return { id, metadata: structuredClone(metadata) as Metadata | undefined };
}

export function firstRepeated(entries: StoredEntry[]): string | undefined {
  const seen = new Set<string>();
  return entries.find(({ id }) => seen.size === seen.add(id).size)?.id;
}

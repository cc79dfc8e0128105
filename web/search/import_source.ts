// What the readers of all formats share.
import { VitreousError } from '../errors.js';
import type { Metadata } from './types.js';

/** Files whose ids and metadata have been read and checked. */
export interface ImportSource {
  /** Length of the vectors. */
  readonly dim: number;
  readonly ids: string[];
  readonly metadata: (Metadata | undefined)[];
  /** (to - from, dim) */
  vectors(from: number, to: number): Promise<Float32Array>;
}

/** @throws `IMPORT_FORMAT` with `where` */
export function parseJson(json: string, where: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new VitreousError('IMPORT_FORMAT', `${where} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

export function asMetadata(value: unknown, where: string): Metadata | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new VitreousError('IMPORT_FORMAT', `${where} has metadata that is no object.`);
  return value as Metadata;
}

// From what a user searches by to vectors.
import { VitreousError } from '../errors.js';

import { weightedSum } from '../math.js';
import type { VisionTransformer } from '../model.js';
import type { ImageInput, Region } from '../types.js';
import type { Journal } from './journal.js';
import type { Query, WeightedQuery } from './types.js';

export interface QueryContext {
  journal: Journal;
  model: VisionTransformer | undefined;
  signal: AbortSignal | undefined;
}

/** @returns (dim) each: one vector, or one for each region */
export async function queryVectors(
  query: Query,
  region: Region | Region[] | undefined,
  context: QueryContext,
): Promise<Float32Array[]> {
  if (region !== undefined) {
    if (!isImage(query)) throw invalid('A region is of an image: search by the image, or leave region out.');
    const regions = Array.isArray(region) ? region : [region];
    if (regions.length === 0) throw invalid('There are no regions in the array.');
    return embed(
      regions.map((part) => ({ image: query, region: part })),
      context,
    );
  }
  if (!Array.isArray(query))
    return [await vectorOf(isImage(query) ? { image: query } : normal(query), context)];
  if (query.length === 0) throw invalid('There is nothing in the array to search by.');
  const vectors: Float32Array[] = [];
  for (const part of query) vectors.push(await vectorOf(part, context));
  const weights = query.map(({ weight = 1 }) => weight);
  if (!weights.every(Number.isFinite)) throw invalid(`Weights are numbers, not ${weights.join(', ')}.`);
  return [weightedSum(vectors, weights)];
}

const normal = (query: Exclude<Query, ImageInput | WeightedQuery[]>): WeightedQuery =>
  query instanceof Float32Array ? { vector: query } : query;

/** An object with an `id` is an image where it is one of the page: an element has an id too. */
function isImage(query: Query): query is ImageInput {
  if (query instanceof Float32Array || Array.isArray(query)) return false;
  return !(
    typeof query === 'object' &&
    query !== null &&
    Object.getPrototypeOf(query) === Object.prototype &&
    'id' in query
  );
}

async function vectorOf(part: WeightedQuery, context: QueryContext): Promise<Float32Array> {
  if (typeof part === 'object' && part !== null) {
    if ('image' in part) return (await embed([part.image], context))[0] as Float32Array;
    if ('vector' in part) return checkVector(part.vector, context.journal.header.dim);
    if ('id' in part) {
      const { rows } = context.journal;
      const row = rows.table.rowOf(part.id);
      if (row === undefined) throw invalid(`There is no entry '${part.id}' in the index.`);
      return rows.vectorsOf([row]);
    }
  }
  throw invalid(
    'Search by an image, a Float32Array, { id }, or an array of { image | vector | id, weight }.',
  );
}

export async function embed(
  images: ImageInput[],
  { model, signal }: Pick<QueryContext, 'model' | 'signal'>,
  onProgress?: (progress: { stage: 'images'; loaded: number; total: number }) => void,
): Promise<Float32Array[]> {
  if (model === undefined)
    throw invalid('This index has no model, so it takes vectors only. Open it with { model } for images.');
  return model.embed(images, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
}

export function checkVector(vector: ArrayLike<number>, dim: number): Float32Array {
  const numbers = Array.isArray(vector) || (ArrayBuffer.isView(vector) && !(vector instanceof DataView));
  if (!numbers || vector.length !== dim) {
    const what = numbers ? `${vector.length} numbers` : String(vector);
    throw invalid(`A vector of this index has ${dim} numbers, not ${what}.`);
  }
  return Float32Array.from(vector);
}

export const invalid = (message: string) => new VitreousError('INVALID_ARGUMENT', message);

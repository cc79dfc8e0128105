import type { Calling } from '../engine/backend.js';
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import { sidesOf } from '../sizes.js';
import type { CallOptions, ImageInput, Images, Tensor } from '../types.js';

/** One image, or its features as {@link VisionTransformer.embed} gives them. */
export type One = ImageInput | Float32Array;

/** Images or their features: an array of them, or the features as one tensor (B, D). */
export type Many = ImageInput[] | Float32Array[] | Tensor;

/** What the name of a class may be. */
export type Label = string | number;

/** Rows of features, (count, dim). */
export interface Rows {
  data: Float32Array;
  count: number;
  dim: number;
}

// So many images go through the model before their tokens are made smaller.
const GROUP = 8;

export const isTensor = (input: unknown): input is Tensor =>
  (input as Tensor)?.data instanceof Float32Array && Array.isArray((input as Tensor).shape);

/** Whether the input stands for several images, so that the answer is an array. */
export const isMany = (input: One | Many): input is Many => Array.isArray(input) || isTensor(input);

/**
 * Embeds images; takes features as they are.
 * @param dim - what features must have; undefined: any
 */
export async function rowsOf(
  model: VisionTransformer,
  input: One | Many,
  dim: number | undefined,
  options: CallOptions = {},
): Promise<Rows> {
  const rows = givenRows(input) ?? (await embedded(model, input as ImageInput | ImageInput[], options));
  if (dim !== undefined && rows.dim !== dim) {
    throw new VitreousError('INVALID_ARGUMENT', `Features of length ${rows.dim} where ${dim} were before.`);
  }
  finite(rows.data);
  return rows;
}

async function embedded(model: VisionTransformer, images: ImageInput | ImageInput[], options: CallOptions) {
  return stacked(await model.embed(Array.isArray(images) ? images : [images], options)) as Rows;
}

/** Features that were computed before; undefined for images. */
export function givenRows(input: One | Many): Rows | undefined {
  if (input instanceof Float32Array) return stacked([input]);
  if (isTensor(input)) {
    const [count = 0, dim = 0] = input.shape;
    if (input.shape.length !== 2 || count * dim !== input.data.length || input.data.length === 0) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `Features are a tensor of shape (B, D), not (${input.shape.join(', ')}) with ${input.data.length} values.`,
      );
    }
    return { data: input.data, count, dim };
  }
  if (Array.isArray(input) && input.length === 0) {
    throw new VitreousError('INVALID_ARGUMENT', 'There are no images or features in the array.');
  }
  return Array.isArray(input) && input.every((row) => row instanceof Float32Array)
    ? stacked(input)
    : undefined;
}

function stacked(rows: Float32Array[]): Rows {
  const dim = rows[0]?.length ?? 0;
  if (dim === 0 || rows.some((row) => row.length !== dim)) {
    throw new VitreousError('INVALID_ARGUMENT', 'Features must all have the same length, which is not zero.');
  }
  const data = new Float32Array(rows.length * dim);
  for (const [i, row] of rows.entries()) data.set(row, i * dim);
  return { data, count: rows.length, dim };
}

function finite(data: Float32Array): void {
  if (!data.every(Number.isFinite)) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      'Features must be finite numbers; there is a NaN or infinity.',
    );
  }
}

/** How many images or features there are, before any is looked at. */
export function countOf(input: Many): number {
  if (Array.isArray(input)) return input.length;
  if (isTensor(input)) return input.shape[0] ?? 0;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    'Several images come as an array; their features as an array of Float32Array, or a tensor (B, D).',
  );
}

/** The labels as a list as long as the images. */
export function labelList(labels: Label | readonly Label[], count: number): readonly Label[] {
  const list = Array.isArray(labels) ? (labels as readonly Label[]) : [labels as Label];
  if (list.length !== count) {
    throw new VitreousError(
      'INVALID_ARGUMENT',
      `${count} images or features need as many labels, not ${list.length}.`,
    );
  }
  const odd = list.find((label) => typeof label !== 'string' && !Number.isFinite(label));
  if (odd !== undefined || list.includes(undefined as never)) {
    throw new VitreousError('INVALID_ARGUMENT', `A label is a string or a number, not ${odd}.`);
  }
  return list;
}

/** Rows and columns of an image's patches, of the model's own size or another. */
export function gridOf(
  { config }: VisionTransformer,
  imgSize?: CallOptions['imgSize'],
): [height: number, width: number] {
  const { imageHeight, imageWidth, patchSize } = config;
  const [height, width] = imgSize === undefined ? [imageHeight, imageWidth] : sidesOf(imgSize, patchSize);
  return [height / patchSize, width / patchSize];
}

/** Tokens that are no patches: CLS and registers, the first ones. */
export const prefixOf = ({ config }: VisionTransformer) => 1 + config.regTokens;

/**
 * Calls `work` with the tokens of a few images at a time: (count, prefix + patches, dim).
 * @returns how many images there were
 */
export async function forTokens(
  model: VisionTransformer,
  images: Images,
  { signal, onProgress, imgSize }: CallOptions,
  work: (tokens: Tensor, first: number) => Promise<void> | void,
): Promise<number> {
  const options = { ...(signal && { signal }), ...(imgSize !== undefined && { imgSize }) };
  if (isTensor(images)) {
    const tokens = await model.forwardFeatures(images, options);
    await work(tokens, 0);
    return tokens.shape[0] as number;
  }
  const list = Array.isArray(images) ? images : [images];
  if (list.length === 0) throw new VitreousError('INVALID_ARGUMENT', 'There are no images in the array.');
  for (let first = 0; first < list.length; first += GROUP) {
    const group = list.slice(first, first + GROUP);
    await work(await model.forwardFeatures(group, options), first);
    onProgress?.({ stage: 'images', loaded: first + group.length, total: list.length });
  }
  return list.length;
}

/** The tokens of the patches alone, of the images one after the other. */
export function patchesOf(model: VisionTransformer, { data, shape }: Tensor): Float32Array {
  const [batch = 0, tokens = 0, dim = 0] = shape;
  const size = (tokens - prefixOf(model)) * dim;
  const patches = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) {
    patches.set(data.subarray((i + 1) * tokens * dim - size, (i + 1) * tokens * dim), i * size);
  }
  return patches;
}

/** Throws unless `value` is a number from `least` to `most`, whole if `integer`. */
export function checkNumber(
  name: string,
  value: number,
  { least = 0, most = Number.MAX_SAFE_INTEGER, integer = false },
): void {
  if (typeof value === 'number' && value >= least && value <= most && (!integer || Number.isInteger(value)))
    return;
  const kind = integer ? 'a whole number' : 'a number';
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw new VitreousError('INVALID_ARGUMENT', `${name} is ${kind}, ${range}, not ${value}.`);
}

/** @internal The engine of the model, which computes; throws `DISPOSED` after its end. */
export const engineOf = (model: VisionTransformer): Calling => model.engine;

// A batch through the engine: which size it has, in groups, joined again.
import type { Backend } from './engine/backend.js';
import type { ForwardRequest, ForwardResult } from './engine/module.js';
import { throwIfAborted, VitreousError } from './errors.js';
import { sidesOf } from './sizes.js';
import type { CallOptions, DataConfig, ImageInput, Images, ModelConfig, Tensor } from './types.js';

// Images of a batch go to the engine in groups of this many: results and memory stay bounded, progress flows.
const GROUP = 8;

/** What a forward is asked for; the size is the images'. */
export type Wanted = Partial<Omit<ForwardRequest, 'height' | 'width'>>;

const nothing = {
  pooled: false,
  logits: false,
  tokens: false,
  lastBlock: -1,
  blocks: [],
  norm: false,
  nchw: false,
  attention: [],
  fullAttention: false,
  qkv: undefined,
  rollout: undefined,
} satisfies Wanted;

interface Group {
  input: ImageInput[] | Float32Array;
  count: number;
}

/** Images on their way: of which size they are, and so what shapes the results have. */
export class Batch {
  /** Patches from top to bottom and from left to right. */
  readonly grid: [number, number];
  /** Of an image: CLS, registers, patches. */
  readonly tokens: number;
  readonly #groups: Group[];
  readonly #dataConfig: DataConfig;

  /** @throws `INVALID_ARGUMENT` for a size that the model does not take, or a tensor of another shape */
  constructor(
    config: Readonly<ModelConfig>,
    dataConfig: Readonly<DataConfig>,
    images: Images,
    { imgSize }: CallOptions,
  ) {
    const own: [number, number] = [config.imageHeight, config.imageWidth];
    const tensor = isTensor(images) ? images : undefined;
    if (tensor && imgSize !== undefined) {
      throw new VitreousError('INVALID_ARGUMENT', 'imgSize is for images; a tensor has its size already.');
    }
    let size = imgSize === undefined ? own : sidesOf(imgSize, config.patchSize);
    if (tensor && config.dynamicImgSize && tensor.shape.length >= 3) {
      size = sidesOf(tensor.shape.slice(-2) as [number, number], config.patchSize);
    }
    if (`${size}` !== `${own}` && !config.dynamicImgSize) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `${config.name} takes images of ${own.join(' × ')}; create it with dynamicImgSize: true for other sizes, or with imgSize for one other.`,
      );
    }
    this.grid = [size[0] / config.patchSize, size[1] / config.patchSize];
    this.tokens = 1 + config.regTokens + this.grid[0] * this.grid[1];
    this.#dataConfig = { ...dataConfig, inputSize: [3, ...size] };
    this.#groups = tensor
      ? groupsOfTensor(tensor, this.#dataConfig.inputSize)
      : groupsOfImages(images as ImageInput);
  }

  /** Runs the images group by group and joins each array that `pick` takes; `shapes` are without the batch. */
  async run(
    live: () => Backend,
    wanted: Wanted,
    pick: (result: ForwardResult) => (Float32Array | undefined)[],
    shapes: number[][],
    { signal, onProgress }: CallOptions,
  ): Promise<Tensor[]> {
    const [, height, width] = this.#dataConfig.inputSize;
    const request: ForwardRequest = { ...nothing, ...wanted, height, width };
    const groups = this.#groups;
    const total = groups.reduce((n, group) => n + group.count, 0);
    const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
    const joined = sizes.map((size) => allocate(total * size));
    // While the engine works on one group the next one's images are decoded, and no more than that.
    const start = (group: Group) => {
      throwIfAborted(signal);
      const result = this.#forward(live, group, request, signal);
      result.catch(() => {}); // should an earlier group fail, nobody waits for this one
      return result;
    };
    let loaded = 0;
    let next = groups[0] && start(groups[0]);
    for (const [i, { count }] of groups.entries()) {
      const current = next as Promise<ForwardResult[]>;
      const following = groups[i + 1];
      next = following && start(following);
      const results = await current;
      throwIfAborted(signal);
      live(); // disposed of meanwhile?
      const at = sizes.map((size) => loaded * size);
      for (const result of results) {
        for (const [i, part] of pick(result).entries()) {
          joined[i]?.set(part as Float32Array, at[i]);
          (at[i] as number) += (part as Float32Array).length;
        }
      }
      loaded += count;
      onProgress?.({ stage: 'images', loaded, total });
    }
    return joined.map((data, i) => ({ data, shape: [total, ...(shapes[i] as number[])] }));
  }

  /** What there is no room for together goes in halves. */
  async #forward(
    live: () => Backend,
    { input, count }: Group,
    request: ForwardRequest,
    signal: AbortSignal | undefined,
  ): Promise<ForwardResult[]> {
    const engine = live();
    try {
      return [await engine.forward(input, this.#dataConfig, request, { signal })];
    } catch (error) {
      const { code } = error as VitreousError;
      if (code !== 'OUT_OF_MEMORY' || count === 1 || engine.failure !== undefined) throw error;
    }
    const half = Math.ceil(count / 2);
    const at = (input.length / count) * half;
    const parts = [
      { input: input.slice(0, at), count: half },
      { input: input.slice(at), count: count - half },
    ];
    const results: ForwardResult[] = [];
    for (const part of parts) results.push(...(await this.#forward(live, part, request, signal)));
    return results;
  }
}

function allocate(length: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new VitreousError(
      'OUT_OF_MEMORY',
      `The results would take ${Math.round((4 * length) / 1e6)} MB, more than there is: ask for fewer images at once.`,
      { cause },
    );
  }
}

function groupsOfTensor({ data, shape }: Tensor, inputSize: number[]): Group[] {
  const batched = { data, shape: shape.length === 3 ? [1, ...shape] : shape };
  const batch = batchOf(batched, inputSize, 'The input tensor must be');
  const size = data.length / batch;
  return grouped(batch, (first, end) => data.slice(first * size, end * size));
}

function groupsOfImages(images: ImageInput | ImageInput[]): Group[] {
  const list = Array.isArray(images) ? images : [images];
  if (list.length === 0) throw new VitreousError('INVALID_ARGUMENT', 'There are no images in the array.');
  return grouped(list.length, (first, end) => list.slice(first, end));
}

function grouped(total: number, slice: (first: number, end: number) => Group['input']): Group[] {
  return Array.from({ length: Math.ceil(total / GROUP) }, (_, i) => {
    const end = Math.min(total, (i + 1) * GROUP);
    return { input: slice(i * GROUP, end), count: end - i * GROUP };
  });
}

/** B of a tensor (B, ...wanted); `what` begins the sentence about one that is not. */
export function batchOf({ data, shape }: Tensor, wanted: number[], what: string): number {
  const [batch = 0, ...one] = shape;
  const size = wanted.reduce((a, b) => a * b, 1);
  if (Number.isInteger(batch) && batch > 0 && `${one}` === `${wanted}` && data.length === batch * size)
    return batch;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `${what} (B, ${wanted.join(', ')}), not (${shape.join(', ')}) with ${data.length} values.`,
  );
}

export function isTensor(images: Images): images is Tensor {
  return Array.isArray((images as Tensor)?.shape) && (images as Tensor).data instanceof Float32Array;
}

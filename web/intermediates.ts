import { VitreousError } from './errors.js';
import type { ModelConfig, Tensor } from './types.js';

/**
 * The number of a block, counted from the end where it is negative.
 * @throws `INVALID_ARGUMENT` for one that the model does not have
 */
export function blockIndex(index: number, { depth, name }: Readonly<ModelConfig>): number {
  const block = index < 0 ? index + depth : index;
  if (Number.isInteger(block) && block >= 0 && block < depth) return block;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `Layer ${index} does not exist: ${name} has ${depth}, 0 to ${depth - 1}.`,
  );
}

/**
 * timm's `feature_take_indices` (models/_features.py): a number is how many of the last, nothing is all; each block once,
 * in the order in which the forward passes them.
 */
export function takeIndices(indices: number | number[] | undefined, config: Readonly<ModelConfig>): number[] {
  const { depth } = config;
  const count = indices ?? depth;
  if (typeof count === 'number') {
    if (!(Number.isInteger(count) && count >= 1 && count <= depth)) {
      throw new VitreousError('INVALID_ARGUMENT', `indices as a number is 1 to ${depth}, not ${count}.`);
    }
    return Array.from({ length: count }, (_, i) => depth - count + i);
  }
  return [...new Set(count.map((index) => blockIndex(index, config)))].sort((a, b) => a - b);
}

/** torch.cat([prefix, patches], 1): (B, P, D) and (B, N, D) to (B, P + N, D) */
export function joinTokens(prefix: Tensor, patches: Tensor): Tensor {
  const [batch, p, dim] = prefix.shape as [number, number, number];
  const n = patches.shape[1] as number;
  const data = new Float32Array(batch * (p + n) * dim);
  for (let b = 0; b < batch; b++) {
    data.set(prefix.data.subarray(b * p * dim, (b + 1) * p * dim), b * (p + n) * dim);
    data.set(patches.data.subarray(b * n * dim, (b + 1) * n * dim), (b * (p + n) + p) * dim);
  }
  return { data, shape: [batch, p + n, dim] };
}

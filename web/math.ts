/**
 * Softmax of one row of scores: `torch.softmax(x, -1)`, in double precision.
 * @param scores - (n)
 * @returns (n), summing to 1
 */
export function softmax(scores: ArrayLike<number>): Float32Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) max = Math.max(max, scores[i] as number);
  const exps = Float64Array.from(scores, (score) => Math.exp(score - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return Float32Array.from(exps, (exp) => exp / sum);
}

/**
 * The `k` largest values and where they are, largest first, ties by index: `torch.topk(x, k)`.
 * @param values - (n)
 */
export function topk(values: ArrayLike<number>, k: number): { values: Float32Array; indices: Int32Array } {
  const order = Int32Array.from({ length: values.length }, (_, i) => i);
  order.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  const indices = order.slice(0, Math.max(0, k));
  return { values: Float32Array.from(indices, (i) => values[i] as number), indices };
}

/**
 * Cosine of the angle between two embeddings, −1 … 1; for normalised ones their dot product.
 * @param a - (n)
 * @param b - (n)
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / (Math.sqrt(aa * bb) || 1);
}

/** Scales to length 1, in place: `torch.nn.functional.normalize(x, dim=0)`. */
export function normalize(x: Float32Array): void {
  let squares = 0;
  for (const value of x) squares += value * value;
  const scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
  for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) * scale;
}

/**
 * Σ weight · vector / |vector|.
 * @param vectors - (n) each
 */
export function weightedSum(vectors: Float32Array[], weights: number[]): Float32Array {
  const sum = new Float32Array(vectors[0]?.length ?? 0);
  for (const [v, vector] of vectors.entries()) {
    const unit = vector.slice();
    normalize(unit);
    for (let i = 0; i < sum.length; i++) {
      sum[i] = (sum[i] as number) + (weights[v] as number) * (unit[i] as number);
    }
  }
  return sum;
}

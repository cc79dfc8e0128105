import { expect, test } from '@jest/globals';
import { cosineSimilarity, softmax, topk } from '../../dist/node.mjs';

test('softmax: torch.softmax', () => {
  // torch.softmax(torch.tensor([1., 2., 3.]), 0)
  expect(softmax([1, 2, 3])).toEqual(
    Float32Array.of(0.09003057330846786, 0.2447284758090973, 0.6652409434318542),
  );
  expect(softmax([5])).toEqual(Float32Array.of(1));
  expect(softmax([2, 2, 2, 2])).toEqual(new Float32Array(4).fill(0.25));
  expect(softmax([])).toEqual(new Float32Array(0));
});

test('softmax of extremes has no NaN', () => {
  expect(softmax([1e38, 0, -1e38])).toEqual(Float32Array.of(1, 0, 0));
  expect(softmax([-1e38, -1e38])).toEqual(Float32Array.of(0.5, 0.5));
  expect(softmax([-Infinity, 0])).toEqual(Float32Array.of(0, 1));
  expect(softmax(Float32Array.of(1000, 1000 + Math.log(3)))[1]).toBeCloseTo(0.75, 4);
  const many = softmax(new Float32Array(100_000).fill(80));
  expect(many.every((p) => p === Math.fround(1e-5))).toBe(true);
});

test('topk: largest first, ties by index', () => {
  expect(topk([0.1, 0.7, 0.2], 2)).toEqual({
    values: Float32Array.of(0.7, 0.2),
    indices: Int32Array.of(1, 2),
  });
  expect(topk([3, 5, 3, 5, 3], 4).indices).toEqual(Int32Array.of(1, 3, 0, 2));
  expect(topk([-Infinity, 0, Infinity, -1e38], 4).indices).toEqual(Int32Array.of(2, 1, 3, 0));
  expect(topk(new Float32Array(1000).fill(0.5), 3).indices).toEqual(Int32Array.of(0, 1, 2));
});

test('topk of more than there are, or of none', () => {
  expect(topk([2, 1], 5).indices).toEqual(Int32Array.of(0, 1));
  expect(topk([2, 1], 0).indices).toHaveLength(0);
  expect(topk([], 3).values).toHaveLength(0);
});

test('cosineSimilarity', () => {
  expect(cosineSimilarity([1, 0], [0, 1])).toBe(0);
  expect(cosineSimilarity([3, 4], [6, 8])).toBeCloseTo(1, 15);
  expect(cosineSimilarity([1, 2], [-2, -4])).toBeCloseTo(-1, 15);
  // torch.nn.functional.cosine_similarity(tensor([1., 2., 3.]), tensor([4., -5., 6.]), 0)
  expect(cosineSimilarity(Float32Array.of(1, 2, 3), Float32Array.of(4, -5, 6))).toBeCloseTo(0.36548694, 7);
});

test('cosineSimilarity of extremes has no NaN', () => {
  expect(cosineSimilarity([0, 0], [1, 2])).toBe(0); // as torch: no direction, no similarity
  expect(cosineSimilarity([0, 0], [0, 0])).toBe(0);
  expect(cosineSimilarity(Float32Array.of(1e-30, 1e-30), Float32Array.of(1e-30, 1e-30))).toBeCloseTo(1, 12);
  expect(cosineSimilarity(Float32Array.of(1e38, 1e38), Float32Array.of(1e38, 1e38))).toBeCloseTo(1, 12);
});

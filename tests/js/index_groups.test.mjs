// Near-duplicates, clusters and maps of an index, against NumPy and scikit-learn (tests/oracle/make_group_goldens.py).
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { UMAP } from 'umap-js';
import { ImageIndex } from '../../dist/node-search.mjs';
import { readGolden } from './support/npy.mjs';

jest.setTimeout(180_000); // for a machine with other work

const golden = (name) => readGolden(`groups/${name}.npy`).data;
const DIM = 12;
const points = golden('points');
const n = points.length / DIM;
const vector = (i) => points.subarray(i * DIM, (i + 1) * DIM);
const error = (code, message = /./) =>
  expect.objectContaining({ name: 'VitreousError', code, message: expect.stringMatching(message) });

// Rows and points are not the same: some entries have been removed again.
let index;
beforeAll(async () => {
  index = await ImageIndex.create({ dim: DIM, threads: 1 });
  await index.add(Array.from({ length: 7 }, (_, i) => ({ id: `gone ${i}`, vector: vector(i) })));
  await index.add(Array.from({ length: n }, (_, i) => ({ id: `${i}`, vector: vector(i) })));
  await index.remove(Array.from({ length: 7 }, (_, i) => `gone ${i}`));
});
afterAll(() => index.close());

/** All pairs in float64, best first. */
function pairsFrom(minScore) {
  const found = [];
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      let score = 0;
      for (let d = 0; d < DIM; d++) score += points[a * DIM + d] * points[b * DIM + d];
      if (score >= minScore) found.push({ a: `${a}`, b: `${b}`, score });
    }
  }
  return found.sort((x, y) => y.score - x.score);
}

/** Hubert and Arabie, Comparing partitions, 1985. */
function adjustedRandIndex(a, b) {
  const two = (counts) => [...counts.values()].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0);
  const count = (keys) => {
    const counts = new Map();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return two(counts);
  };
  const [both, inA, inB] = [count(a.map((label, i) => `${label} ${b[i]}`)), count(a), count(b)];
  const expected = (inA * inB) / two(new Map([[0, a.length]]));
  return (both - expected) / ((inA + inB) / 2 - expected);
}

describe('duplicates', () => {
  test('are all pairs above a score, best first', async () => {
    const expected = pairsFrom(0.9);
    expect(expected.length).toBeGreaterThan(10_000); // more than an entry's first look finds
    const found = await index.duplicates({ minScore: 0.9, limit: 1e6 });
    const key = ({ a, b }) => `${a} ${b}`;
    expect(new Set(found.map(key))).toEqual(new Set(expected.map(key)));
    expect(found).toHaveLength(expected.length);
    for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(expected[i].score, 6);
  });

  test('are at most so many, the best', async () => {
    const expected = pairsFrom(0.9);
    const found = await index.duplicates({ minScore: 0.9, limit: 50 });
    expect(found.map(({ a, b }) => `${a} ${b}`)).toEqual(
      expected.slice(0, 50).map(({ a, b }) => `${a} ${b}`),
    );
  });

  test('groups are what pairs join', async () => {
    const groups = await index.duplicateGroups({ minScore: 0.97 });
    const of = new Map(groups.flatMap((group, i) => group.map((id) => [id, i])));
    const pairs = pairsFrom(0.97);
    expect(new Set(of.keys())).toEqual(new Set(pairs.flatMap(({ a, b }) => [a, b])));
    for (const { a, b } of pairs) expect(of.get(a)).toBe(of.get(b));
    // As few as that: a tree of pairs joins each group.
    const joined = new Map();
    const root = (id) => (joined.has(id) ? root(joined.get(id)) : id);
    for (const { a, b } of pairs) if (root(a) !== root(b)) joined.set(root(a), root(b));
    expect(new Set([...of.keys()].map(root)).size).toBe(groups.length);
    const sizes = groups.map(({ length }) => length);
    expect(sizes).toEqual([...sizes].sort((x, y) => y - x));
    expect(groups[0].map(Number)).toEqual(groups[0].map(Number).sort((x, y) => x - y));
  });

  test('none, where there are none', async () => {
    expect(await index.duplicates({ minScore: 1.1 })).toEqual([]);
    expect(await index.duplicateGroups({ minScore: 1.1 })).toEqual([]);
    const empty = await ImageIndex.create({ dim: 4, threads: 1 });
    expect(await empty.duplicates()).toEqual([]);
    expect(await empty.clusters()).toEqual({ clusters: [], noise: [] });
    await empty.close();
  });

  test('can be followed and stopped', async () => {
    const controller = new AbortController();
    const seen = [];
    const stopped = index.duplicates({
      signal: controller.signal,
      onProgress(progress) {
        seen.push(progress);
        controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError', code: 'ABORTED' });
    expect(seen).toEqual([{ stage: 'neighbours', done: 256, total: n }]);
  });

  test('of nonsense', async () => {
    await expect(index.duplicates({ minScore: 'high' })).rejects.toEqual(
      error('INVALID_ARGUMENT', /minScore/),
    );
    await expect(index.duplicates({ limit: 0 })).rejects.toEqual(error('INVALID_ARGUMENT', /limit/));
  });
});

describe('clusters', () => {
  const labelsOf = ({ clusters, noise }) => {
    const labels = new Array(n);
    for (const [label, { ids }] of clusters.entries()) for (const id of ids) labels[id] = label;
    for (const id of noise) labels[id] = -1;
    return labels;
  };
  const PARAMETERS = [
    [0, { minClusterSize: 5, minSamples: 5 }],
    [1, { minClusterSize: 25, minSamples: 3 }],
    [2, { minClusterSize: 8, minSamples: 15 }],
  ];

  test.each(PARAMETERS)("are scikit-learn's with parameters %i", async (i, options) => {
    const labels = [...golden(`labels_${i}`)];
    const exact = labelsOf(await index.clusters({ ...options, k: n }));
    expect(exact).not.toContain(undefined);
    expect(adjustedRandIndex(exact, labels)).toBeGreaterThan(0.98); // see hdbscan.h about points between clusters
    expect(adjustedRandIndex(labelsOf(await index.clusters(options)), labels)).toBeGreaterThan(0.95);
  });

  test('of those that were drawn from clusters, nearly all are found', async () => {
    const drawn = [...golden('drawn')];
    const labels = labelsOf(await index.clusters());
    const inside = drawn.flatMap((label, i) => (label >= 0 && labels[i] >= 0 ? [i] : []));
    expect(inside.length).toBeGreaterThan(0.95 * drawn.filter((label) => label >= 0).length);
    const pick = (list) => inside.map((i) => list[i]);
    expect(adjustedRandIndex(pick(labels), pick(drawn))).toBeGreaterThan(0.98);
  });

  test('parts that no neighbours join are as far apart as they are', async () => {
    // Three groups, in each all entries equally far from each other (0.012); two of them nearer (0.02) than the third (0.025),
    // and no neighbour of these is in that. Were it infinitely far, the two would count as one.
    const groups = { a: [6, 0.005, 0.008], b: [6, 0.005, 0.008], c: [20, 0, 0.013] };
    const entries = Object.entries(groups).flatMap(([name, [count, pair, own]], g) =>
      Array.from({ length: count }, (_, i) => {
        const vector = new Array(64).fill(0);
        vector[0] = Math.sqrt(0.975);
        vector[1] = Math.sqrt(pair);
        vector[2 + g] = Math.sqrt(own);
        vector[8 + 6 * g + i] = Math.sqrt(0.012);
        return { id: `${name}${i}`, vector };
      }),
    );
    const parts = await ImageIndex.create({ dim: 64, threads: 1 });
    await parts.add(entries);
    for (const k of [8, 31]) {
      const { clusters, noise } = await parts.clusters({ minSamples: 3, k });
      expect(clusters.map(({ ids }) => ids.map((id) => id[0]).join(''))).toEqual([
        'c'.repeat(20),
        'a'.repeat(6),
        'b'.repeat(6),
      ]);
      expect(noise).toEqual([]);
    }
    await parts.close();
  });

  test('take cosines, and numbers that make sense', async () => {
    const dot = await ImageIndex.create({ dim: 4, threads: 1, metric: 'dot' });
    await expect(dot.clusters()).rejects.toEqual(error('INVALID_ARGUMENT', /cosine/));
    await dot.close();
    await expect(index.clusters({ minClusterSize: 1 })).rejects.toEqual(
      error('INVALID_ARGUMENT', /minClusterSize/),
    );
    await expect(index.clusters({ minSamples: 10, k: 5 })).rejects.toEqual(error('INVALID_ARGUMENT', /k is/));
  });
});

describe('map', () => {
  test("by PCA is scikit-learn's, up to signs", async () => {
    const { ids, coordinates } = await index.map({ method: 'pca' });
    expect(ids).toEqual(Array.from({ length: n }, (_, i) => `${i}`));
    expect(coordinates.shape).toEqual([n, 2]);
    const expected = golden('pca');
    for (const axis of [0, 1]) {
      const sign = Math.sign(coordinates.data[axis] * expected[axis]);
      let most = 0;
      for (let i = axis; i < 2 * n; i += 2)
        most = Math.max(most, Math.abs(sign * coordinates.data[i] - expected[i]));
      expect(most).toBeLessThan(1e-4);
    }
  });

  test('by UMAP keeps clusters together', async () => {
    const seen = [];
    const { coordinates } = await index.map({
      method: 'umap',
      UMAP,
      onProgress: (progress) => seen.push(progress),
    });
    expect(coordinates.shape).toEqual([n, 2]);
    expect(seen.at(-1)).toEqual({ stage: 'map', done: seen.at(-1).total, total: seen.at(-1).total });
    const drawn = golden('drawn');
    const { data } = coordinates;
    // The nearest on the map is of the same cluster.
    let same = 0;
    let inside = 0;
    for (let i = 0; i < n; i++) {
      if (drawn[i] < 0) continue;
      let best = -1;
      let least = Infinity;
      for (let j = 0; j < n; j++) {
        const distance = Math.hypot(data[2 * i] - data[2 * j], data[2 * i + 1] - data[2 * j + 1]);
        if (j !== i && distance < least) [best, least] = [j, distance];
      }
      inside++;
      if (drawn[best] === drawn[i]) same++;
    }
    expect(same / inside).toBeGreaterThan(0.9);
  });

  test('by UMAP is the same for the same seed', async () => {
    const some = await ImageIndex.create({ dim: DIM, threads: 1 });
    await some.add(Array.from({ length: 60 }, (_, i) => ({ id: `${i}`, vector: vector(i) })));
    const of = async (seed) => (await some.map({ method: 'umap', UMAP, seed })).coordinates.data;
    const data = await of(3);
    expect(await of(3)).toEqual(data);
    expect(await of(4)).not.toEqual(data);
    await some.close();
  });

  test('by UMAP can be stopped, and takes few entries too', async () => {
    const controller = new AbortController();
    const stopped = index.map({
      method: 'umap',
      UMAP,
      signal: controller.signal,
      onProgress: ({ stage }) => stage === 'map' && controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError', code: 'ABORTED' });
    const small = await ImageIndex.create({ dim: DIM, threads: 1 });
    await small.add([0, 1, 2].map((i) => ({ id: `${i}`, vector: vector(i) })));
    const { coordinates } = await small.map({ method: 'umap', UMAP });
    expect(coordinates.data.every(Number.isFinite)).toBe(true);
    await small.remove('2');
    await expect(small.map({ method: 'umap', UMAP })).rejects.toEqual(error('INVALID_ARGUMENT', /3 entries/));
    await small.close();
  });

  test('of nonsense', async () => {
    await expect(index.map({ method: 'umap' })).rejects.toEqual(error('INVALID_ARGUMENT', /umap-js/));
    await expect(index.map({ method: 'tsne' })).rejects.toEqual(error('INVALID_ARGUMENT', /method/));
  });
});

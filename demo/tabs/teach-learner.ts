import type { VisionTransformer } from 'vitreous';
import { KnnClassifier, LinearProbe } from 'vitreous/recipes';

export interface Prediction {
  label: string;
  /** 0 … 1 */
  probability: number;
}

export type Method = 'knn' | 'probe';

/** What both methods say, by the ids of photos. */
export interface Learned {
  knn: Map<string, Prediction>;
  probe: Map<string, Prediction>;
  /** Examples that k-NN is right on, each classified by the others. */
  knnRight: number;
  fitted: LinearProbe;
  /** The key of the examples. */
  of: string;
}

/** Examples with their vectors, of two classes or more. */
export interface Examples {
  vectors: Float32Array[];
  labels: string[];
  /** Differs where the examples do. */
  key: string;
}

const AT_ONCE = 500;
// With more examples than this, leaving out each one takes too long: then a tenth of them at a time.
const ONE_BY_ONE = 100;
const FOLDS = 10;

/** Vectors of an index have length 1; with this C the penalty is that of components of size 1. */
const strength = (vectors: Float32Array[]) => vectors[0]?.length ?? 1;

/** Learns from the examples, and says what all the others are. */
export async function learn(
  model: VisionTransformer,
  { vectors, labels, key }: Examples,
  others: Map<string, Float32Array>,
  signal: AbortSignal,
): Promise<Learned> {
  const knn = new KnnClassifier(model);
  try {
    await knn.add(vectors, labels);
    const probe = await LinearProbe.fit(model, vectors, labels, { C: strength(vectors), signal });
    const learned: Learned = {
      knn: new Map(),
      probe: new Map(),
      knnRight: Math.round((await knn.leaveOneOut()) * labels.length),
      fitted: probe,
      of: key,
    };
    const waiting = [...others];
    for (let at = 0; at < waiting.length; at += AT_ONCE) {
      signal.throwIfAborted();
      const some = waiting.slice(at, at + AT_ONCE);
      const rows = some.map(([, vector]) => vector);
      const [byKnn, byProbe] = [await knn.predict(rows), await probe.predict(rows)];
      for (const [i, [id]] of some.entries()) {
        learned.knn.set(id, best(byKnn[i]));
        learned.probe.set(id, best(byProbe[i]));
      }
    }
    return learned;
  } finally {
    knn.dispose();
  }
}

const best = (scores: { label: string | number; probability: number }[] | undefined): Prediction => {
  const [{ label, probability }] = scores as [{ label: string; probability: number }];
  return { label, probability };
};

/**
 * How many examples the probe is right on, each classified by one that did not see it: one left out at a time, or a tenth
 * of many.
 */
export async function probeAccuracy(
  model: VisionTransformer,
  { vectors, labels }: Examples,
  signal: AbortSignal,
  progress: (done: number, total: number) => void,
): Promise<{ right: number; oneByOne: boolean }> {
  const count = vectors.length;
  const oneByOne = count <= ONE_BY_ONE;
  const folds = oneByOne ? count : FOLDS;
  const foldOf = foldsOf(labels, folds);
  let right = 0;
  for (let fold = 0; fold < folds; fold++) {
    progress(fold, folds);
    const left = vectors.flatMap((_, i) => (foldOf[i] === fold ? [] : [i]));
    const out = vectors.flatMap((_, i) => (foldOf[i] === fold ? [i] : []));
    const kept = left.map((i) => labels[i] as string);
    // What is left may be of one class only; then that is the answer.
    const answers =
      new Set(kept).size < 2
        ? out.map(() => kept[0])
        : await answersOf(
            await LinearProbe.fit(
              model,
              left.map((i) => vectors[i] as Float32Array),
              kept,
              { C: strength(vectors), signal },
            ),
            out.map((i) => vectors[i] as Float32Array),
          );
    right += out.filter((i, at) => answers[at] === labels[i]).length;
  }
  return { right, oneByOne };
}

const answersOf = async (probe: LinearProbe, vectors: Float32Array[]) =>
  (await probe.predict(vectors)).map((scores) => best(scores).label);

/** The examples of a class go round the folds, so that each fold has about as many of each. */
function foldsOf(labels: string[], folds: number): number[] {
  const order = labels
    .map((_, i) => i)
    .sort((a, b) => compare(labels[a] as string, labels[b] as string) || a - b);
  const foldOf = new Array<number>(labels.length);
  for (const [at, i] of order.entries()) foldOf[i] = at % folds;
  return foldOf;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

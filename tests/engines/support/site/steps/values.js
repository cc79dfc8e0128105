// What steps give, small enough to be sent.

const VALUES = 40;

/** A tensor's shape, and values from all over it. */
export function sampled({ data, shape }) {
  const step = Math.max(1, Math.floor(data.length / VALUES));
  return { shape: [...shape], values: Array.from(data).filter((_, i) => i % step === 0) };
}

/** A number that may differ by this much: a count of things that are close to a limit, say. */
export const about = (value, within) => ({ about: value, within });

export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
export const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** The part of a map that is not zero. */
export const part = (data) => about(data.filter((value) => value !== 0).length / data.length, 0.03);

/** The code that a promise rejects with. */
export const codeOf = (promise) =>
  promise.then(
    () => 'none',
    (error) => error.code ?? String(error),
  );

/** Vectors in so many clumps, the same everywhere. */
export function clumps(count, dim, clumpCount) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centers = Array.from({ length: clumpCount }, () => Array.from({ length: dim }, random));
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from(centers[i % clumpCount], (value) => value + 0.1 * random()),
  );
}

// Entries for an index, the same ones every time.

/** A name with all that formats have to escape. */
export const odd = 'a\tb "c" \\ \'d\' ü😀 {e},\r\nf';

/** `n` entries with vectors (dim) of numbers in [-1, 1); some with metadata. */
export function randomEntries(n, dim) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return Array.from({ length: n }, (_, i) => ({
    id: i === 0 ? odd : `photos/${i}.jpg`,
    vector: Float32Array.from({ length: dim }, random),
    ...(i % 3 === 0 && {
      metadata: { kind: i % 2 ? 'cat' : 'dog', n: i, note: odd, tags: [null, true, 0.1] },
    }),
  }));
}

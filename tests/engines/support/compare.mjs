// Whether a step gave in an engine what it gave in Node.

const TOLERANCE = 2e-4;

/** Every difference between what a step gave and what was expected, as `path: actual, not expected`. */
export function differences(actual, expected, path = '') {
  const wrong = `${path || 'the result'}: ${short(actual)}, not ${short(expected)}`;
  if (typeof expected === 'number') return near(actual, expected) ? [] : [wrong];
  if (expected === null || typeof expected !== 'object') return actual === expected ? [] : [wrong];
  if (actual === null || typeof actual !== 'object') return [wrong];
  if ('about' in expected) {
    const { about, within } = expected;
    return Math.abs(actual.about - about) <= within ? [] : [`${wrong}, give or take ${within}`];
  }
  const keys = [...new Set([...Object.keys(actual), ...Object.keys(expected)])];
  return keys.flatMap((key) => differences(actual[key], expected[key], path ? `${path}.${key}` : key));
}

const near = (a, b) => typeof a === 'number' && Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));

const short = (value) => (JSON.stringify(value) ?? 'undefined').slice(0, 200);

// Vectors of two models must not mix: an index knows what made its vectors.
import { VitreousError } from '../errors.js';
import type { VisionTransformer } from '../model.js';
import type { Fingerprint, Header } from './format.js';
import type { StoredIndexOptions } from './types.js';

const PROBE_VALUES = 16;
// Variants of the engine differ in the last digits, other weights in all of them.
const PROBE_TOLERANCE = 0.02;

export async function fingerprintOf(
  model: VisionTransformer,
  signal: AbortSignal | undefined,
): Promise<Fingerprint> {
  const { config, dataConfig, info } = model;
  const embedding = await model.embed(probeImage(), { normalize: true, ...(signal && { signal }) });
  // Digits enough for the comparison, as text.
  const probe = Array.from(embedding.subarray(0, PROBE_VALUES), (value) => Number(value.toPrecision(6)));
  return { model: config.name, weights: info.weights, dtype: info.dtype, dataConfig, probe };
}

/** Colours that change in all directions, so that every weight has its part. */
function probeImage() {
  const side = 64;
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [x, y, channel] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side), i % 3];
    return ((x + 3) * (y + 7) * (channel + 1) + 2 * x * channel + ((x ^ y) << 2)) & 255;
  });
  return { data, width: side, height: side, channels: 3 as const };
}

/**
 * @param own - of the model that is given, if one is
 * @throws `INDEX_MISMATCH` that names what differs
 */
export function checkHeader(
  name: string,
  header: Header,
  own: Fingerprint | undefined,
  options: StoredIndexOptions,
): void {
  const { model, force = false } = options;
  const differences: string[] = [];
  const asked = { ...options, dim: options.dim ?? model?.config.dim };
  for (const key of ['dim', 'metric', 'storage', 'keep'] as const) {
    if (key === 'keep' && header.storage === 'fp32') continue; // there is nothing beside it
    if (asked[key] !== undefined && asked[key] !== header[key])
      differences.push(`${key} is ${header[key]}, not ${asked[key]}`);
  }
  if (differences.length > 0)
    throw mismatch(name, differences, 'Ask for what it has, or make another index.');
  if (own === undefined || force) return;
  const { fingerprint } = header;
  if (fingerprint === null)
    differences.push('its vectors came from outside, so it is not known which model made them');
  else {
    if (fingerprint.model !== own.model) differences.push(`model is ${fingerprint.model}, not ${own.model}`);
    if (fingerprint.dtype !== own.dtype) differences.push(`dtype is ${fingerprint.dtype}, not ${own.dtype}`);
    for (const key of Object.keys(own.dataConfig) as (keyof typeof own.dataConfig)[]) {
      const [theirs, ours] = [fingerprint.dataConfig[key], own.dataConfig[key]].map((value) =>
        JSON.stringify(value),
      );
      if (theirs !== ours) differences.push(`dataConfig.${key} is ${theirs}, not ${ours}`);
    }
    if (differences.length === 0 && !sameProbe(fingerprint.probe, own.probe))
      differences.push(`the weights are those of ${fingerprint.weights}, not of ${own.weights}`);
  }
  if (differences.length > 0)
    throw mismatch(
      name,
      differences,
      'Use the model that it was made with, or { force: true } to mix vectors.',
    );
}

/** Whether these are of the same weights, up to the digits in which variants of the engine differ. */
export function sameProbe(a: number[], b: number[]): boolean {
  const distance = Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));
  return a.length === b.length && distance <= PROBE_TOLERANCE * Math.hypot(...a);
}

const mismatch = (name: string, differences: string[], advice: string) =>
  new VitreousError('INDEX_MISMATCH', `${name} does not fit: ${differences.join('; ')}. ${advice}`);

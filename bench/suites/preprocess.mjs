// A photo of 12 megapixels, as a canvas gives it, → the model's input.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAll, takeTurns } from '../children.mjs';
import { readFloats } from '../files.mjs';
import { fixed, note, table, times } from '../report.mjs';
import { largePhoto } from '../setup.mjs';
import { maxError, median, timesOurs } from '../stats.mjs';

export const title = 'Preprocessing of a 12-megapixel photo';

const [width, height] = [4000, 3000];

// timm: resolve_model_data_config(create_model('vit_base_patch16_224.dino')), in each library's words.
const timm = {
  input_size: [3, 224, 224],
  interpolation: 'bicubic',
  crop_pct: 0.9,
  crop_mode: 'center',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const dataConfig = {
  inputSize: timm.input_size,
  interpolation: timm.interpolation,
  cropPct: timm.crop_pct,
  cropMode: timm.crop_mode,
  mean: timm.mean,
  std: timm.std,
};

export async function run(context) {
  const options = { pixels: await largePhoto(width, height), width, height, threads: 1 };
  const contestants = [
    { name: 'vitreous createTransform', module: 'transform', options: { ...options, dataConfig } },
    { name: 'Pillow', python: 'Pillow', options },
  ];
  const { started, absent } = await startAll(contestants, context.programs);
  if (absent.length) throw new Error(absent.map(({ name, reason }) => `${name}: ${reason}`).join('\n'));
  const [ours, pillow] = started;
  try {
    await pillow.child.call('load_timm', timm);
    const turns = [
      { name: 'vitreous: RGBA bytes → model input', child: ours.child },
      { name: 'Pillow: resize of RGB alone', child: pillow.child },
      { name: 'Pillow: RGBA → RGB, resize', child: pillow.child, method: 'convert_and_resize' },
      { name: 'timm: RGBA image → model input', child: pillow.child, method: 'timm_transform' },
    ];
    const results = await takeTurns(turns, { ...context.pace, warmUp: 10, runs: 5 });
    const rows = turns.map(({ name }, i) => ({
      name,
      ms: results[i].ms,
      timesOurs: timesOurs(results[i].ms, results[0].ms),
      cores: results[i].cores,
    }));
    const difference = await compareTensors(ours.child, pillow.child);
    return {
      width,
      height,
      resized: pillow.info.size,
      versions: pillow.info.version,
      rows,
      maxError: difference,
    };
  } finally {
    for (const { child } of started) await child.stop();
  }
}

/** Largest difference of the two model inputs. */
async function compareTensors(...children) {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-bench-'));
  try {
    const tensors = [];
    for (const [i, child] of children.entries()) {
      const path = join(folder, `${i}.f32`);
      await child.call('save', path);
      tensors.push(readFloats(path));
    }
    return maxError(...tensors);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function render({ width, height, resized, versions, rows, maxError }) {
  const columns = [
    ['one thread', ({ name }) => name],
    ['ms', ({ ms }) => fixed(median(ms), 1)],
    ['ms, lowest–highest round', ({ ms }) => `${fixed(Math.min(...ms), 1)}–${fixed(Math.max(...ms), 1)}`],
    ['× vitreous', (row) => times(row.timesOurs)],
    ['cores busy', ({ cores }) => fixed(cores, 2)],
  ];
  const intro =
    note(`${width} × ${height} pixels → ${resized.join(' × ')}, bicubic with antialias, center crop 224,
    normalised (${versions}). The model inputs of vitreous and timm differ by at most ${maxError.toExponential(1)}.
    Decoding the file is not part of it.`);
  return `${intro}\n\n${table(columns, rows)}`;
}

// Checkpoints with transformers' names and DINOv2's layer scale, from JavaScript.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createModel } from '../../dist/node.mjs';
import { generate } from './support/generated.mjs';
import { maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';
import { safetensors } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

// tests/oracle/make_layout_goldens.py describes the lines and the model.
const lines = readFileSync(new URL('../goldens/layouts/dinov2.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const [name, shape, timm, part, parts] = line.split(' ');
    return { name, shape: shape.split('x').map(Number), timm, part: Number(part), parts: Number(parts) };
  });
const ARGS = { img_size: 98, embed_dim: 64, depth: 3, num_heads: 4, init_values: 1e-5 };
const input = { data: generate('input', [3, 98, 98]), shape: [1, 3, 98, 98] };

const count = ({ shape }) => shape.reduce((product, extent) => product * extent, 1);

function valuesOf(line) {
  if (line.timm === '-') return new Float32Array(count(line));
  const [rows, ...rest] = line.shape;
  const all = generate(line.timm, [rows * line.parts, ...rest]);
  return all.subarray(line.part * count(line), (line.part + 1) * count(line));
}

function checkpoint(some) {
  const header = {};
  let offset = 0;
  for (const line of some) {
    header[line.name] = {
      dtype: 'F32',
      shape: line.shape,
      data_offsets: [offset, offset + 4 * count(line)],
    };
    offset += 4 * count(line);
  }
  const data = Buffer.concat(some.map((line) => Buffer.from(new Uint8Array(valuesOf(line).slice().buffer))));
  return safetensors(JSON.stringify(header), data);
}

let folder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitreous-'));
  await writeFile(join(folder, 'model.safetensors'), checkpoint(lines));
});
afterAll(() => rm(folder, { recursive: true }));

async function create(args) {
  const config = {
    architecture: 'vit_small_patch14_dinov2',
    num_classes: 0,
    model_args: args,
    pretrained_cfg: { tag: 'lvd142m', input_size: [3, 98, 98] },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return createModel('vit_small_patch14_dinov2.lvd142m', { weights: folder });
}

test("a Dinov2Model's checkpoint gives timm's embedding", async () => {
  const model = await create(ARGS);
  const { data } = await model.forward(input);
  expect(maxDiff(data, readGolden('layouts/dinov2.npy').data)).toBeLessThanOrEqual(1e-4);
  expect(model.config.layerScale).toBe(true);
  expect(model.dataConfig.cropPct).toBe(1);
  const timms = lines.filter(({ timm }) => timm !== '-');
  expect(model.info.tensors).toBe(new Set(timms.map(({ timm }) => timm)).size);
  expect(model.info.parameters).toBe(timms.reduce((sum, line) => sum + count(line), 0));
  model.dispose();
});

test.each([null, 0])('model_args.init_values %p means no layer scale', async (init_values) => {
  await expect(create({ ...ARGS, init_values })).rejects.toMatchObject({
    code: 'TENSOR_UNEXPECTED',
    message: expect.stringContaining('encoder.layer.0.layer_scale1.lambda1'),
  });
});

test('model_args.init_values must be a number', async () => {
  await expect(create({ ...ARGS, init_values: 'yes' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('model_args.init_values'),
  });
});

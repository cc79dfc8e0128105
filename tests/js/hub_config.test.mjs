// A config.json of timm's hub is enough: tests/goldens/hub (tests/oracle/make_hub_goldens.py) has files that timm wrote,
// and what timm's model of each gives.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, listModels } from '../../dist/node.mjs';
import { generate, generatedSafetensors } from './support/generated.mjs';
import { maxDiff } from './support/golden.mjs';
import { readGolden } from './support/npy.mjs';

jest.setTimeout(180_000); // for a machine with other work

const read = (name) => JSON.parse(readFileSync(new URL(`../goldens/hub/${name}.json`, import.meta.url)));

let folder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitreous-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The model of a folder with this config.json and generated weights. */
async function create(config, tensors, options) {
  const specs = Object.entries(tensors).map(([name, shape]) => ({ name, shape }));
  const bytes = await new Response(generatedSafetensors(specs)).arrayBuffer();
  await writeFile(join(folder, 'model.safetensors'), new Uint8Array(bytes));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return createModel('mine', { weights: folder, ...options });
}

const MODELS = ['everything', 'registers', 'quickgelu', 'unlisted', 'unlisted_registers', 'none', 'reset'];

test.each(MODELS)('%s gives timm’s numbers', async (name) => {
  const config = read(name);
  const tensors = read(`${name}_tensors`);
  const model = await create(config, tensors);
  const [height, width] = config.model_args.img_size;
  const { data, shape } = readGolden(`hub/${name}.npy`);
  const input = { data: generate('input', [3, height, width]), shape: [1, 3, height, width] };
  const output = await model.forward(input);
  expect(output.shape).toEqual(shape);
  expect(maxDiff(output.data, data)).toBeLessThanOrEqual(1e-4);
  expect(model.info.tensors).toBe(Object.keys(tensors).length);
  const count = (extents) => extents.reduce((a, b) => a * b, 1);
  expect(model.info.parameters).toBe(
    Object.values(tensors).reduce((sum, extents) => sum + count(extents), 0),
  );
  expect(model.numClasses).toBe(config.num_classes);
  expect(model.labels).toEqual([]);
  model.dispose();
});

test('int8 stays close', async () => {
  const config = read('everything');
  const model = await create(config, read('everything_tensors'), { dtype: 'int8', numClasses: 0 });
  const exact = await create(config, read('everything_tensors'), { numClasses: 0 });
  const input = { data: generate('input', [3, 96, 64]), shape: [1, 3, 96, 64] };
  const [a, b] = [(await model.forward(input)).data, (await exact.forward(input)).data];
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.9995);
});

describe('model_args', () => {
  const config = read('registers');
  const tensors = read('registers_tensors');
  const withArgs = (args) => create({ ...config, model_args: { ...config.model_args, ...args } }, tensors);

  test.each([
    ['in_chans', 1],
    ['qkv_bias', false],
    ['qk_norm', true],
    ['class_token', false],
    ['pos_embed', 'none'],
    ['final_norm', false],
    ['dynamic_img_pad', true],
    ['global_pool', 'map'],
    ['act_layer', 'gelu_tanh'],
    ['norm_layer', 'rmsnorm'],
    ['patch_size', [14, 16]],
    ['window_size', 7],
  ])('%s %p leads out of the family', async (field, value) => {
    await expect(withArgs({ [field]: value })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(`model_args.${field}`),
    });
  });

  test.each([
    ['img_size', [42]],
    ['reg_tokens', '4'],
    ['no_embed_class', 1],
    ['mlp_ratio', true],
    ['act_layer', 7],
  ])('%s %p is of the wrong kind', async (field, value) => {
    await expect(withArgs({ [field]: value })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`model_args.${field}`),
    });
  });

  test('what only training needs, and nulls, change nothing', async () => {
    const model = await withArgs({ drop_path_rate: 0.1, weight_init: 'skip', qk_norm: null, fc_norm: null });
    expect(model.config.regTokens).toBe(4);
    model.dispose();
  });
});

test('what timm writes of a model that the table has says nothing else than the table', async () => {
  for (const [name, config] of Object.entries(read('full'))) {
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    // Without a checkpoint that fits, the loader tells which tensors the config asks for.
    await writeFile(join(folder, 'model.safetensors'), '');
    await expect(createModel(name, { weights: folder })).rejects.toMatchObject({ code: /^CHECKPOINT/ });
    expect(config.num_classes).toBe(listModels(name)[0].config.numClasses);
  }
});

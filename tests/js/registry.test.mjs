// The models that have a name, against what timm says of them: tests/goldens/registry (tests/oracle/make_registry_goldens.py).
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createModel, listModels } from '../../dist/node.mjs';
import { vitreous } from './support/process.mjs';

jest.setTimeout(180_000); // for a machine with other work

const golden = (name) => readFileSync(new URL(`../goldens/registry/${name}`, import.meta.url), 'utf8');
const timm = JSON.parse(golden('models.json'));
const NANO = 'vit_nano_patch16_224';
const names = (pattern) => listModels(pattern).map(({ name }) => name);

test('listModels gives all that timm has here, and the packaged one, sorted', () => {
  expect(names()).toEqual([...Object.keys(timm), NANO].sort());
});

test.each(Object.entries(timm))('%s is what timm says', (name, model) => {
  const [{ config, dataConfig, parameters, tensors, license, repository }] = listModels(name);
  expect(config).toEqual({
    name,
    imageHeight: model.image[0],
    imageWidth: model.image[1],
    pretrainedHeight: model.image[0],
    pretrainedWidth: model.image[1],
    patchSize: model.patch,
    dim: model.dim,
    depth: model.depth,
    heads: model.heads,
    mlpDim: model.mlp,
    numClasses: model.classes,
    normEps: model.eps,
    layerScale: model.layer_scale,
    regTokens: model.reg_tokens,
    noEmbedClass: model.no_embed_class,
    preNorm: model.pre_norm,
    activation: model.activation,
    globalPool: model.global_pool,
    fcNorm: model.fc_norm,
    dynamicImgSize: false,
    posEmbedInterpolation: 'timm',
  });
  expect(dataConfig).toEqual({
    inputSize: model.input_size,
    interpolation: model.interpolation,
    cropPct: model.crop_pct,
    cropMode: model.crop_mode,
    mean: model.mean,
    std: model.std,
  });
  expect({ parameters, tensors, license, repository }).toEqual({
    parameters: model.parameters,
    tensors: model.tensors,
    license: model.license,
    repository: model.hub,
  });
});

test('patterns', () => {
  expect(names('*.dino')).toEqual(
    Object.keys(timm)
      .filter((name) => name.endsWith('.dino'))
      .sort(),
  );
  expect(names('deit_????_*')).toEqual(['deit_base_patch16_224.fb_in1k', 'deit_tiny_patch16_224.fb_in1k']);
  expect(names('vit_base_patch16_224')).toEqual(['vit_base_patch16_224.augreg2_in21k_ft_in1k']);
  expect(names('resnet*')).toEqual([]);
  expect(names('vit_base_patch16_224+dino')).toEqual([]);
});

test.each(Object.entries(JSON.parse(golden('defaults.json'))))(
  '%s alone is timm’s default, %s',
  (name, tag) => {
    expect(names(name)).toEqual([`${name}.${tag}`]);
  },
);

test('what listModels gives is the caller’s own', () => {
  const [model] = listModels(NANO);
  model.config.dim = 1;
  model.dataConfig.cropPct = 1;
  expect(listModels(NANO)[0]).toMatchObject({ config: { dim: 256 }, dataConfig: { cropPct: 0.9 } });
});

// timm's descriptions have all names of a class, and where two classes share the first one, more than that.
test('the labels of ImageNet are in timm’s order, the first name of each class', async () => {
  const { labels } = await createModel(NANO);
  const descriptions = golden('imagenet.txt').trimEnd().split('\n');
  expect(labels).toHaveLength(1000);
  const first = descriptions.map((description) => description.split(', ')[0]);
  expect(labels).toEqual(first);
});

describe('the command line', () => {
  let cache;
  const before = process.env.VITREOUS_CACHE;
  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'vitreous-cache-'));
    process.env.VITREOUS_CACHE = cache;
  });
  afterAll(async () => {
    process.env.VITREOUS_CACHE = before;
    await rm(cache, { recursive: true });
  });

  test('vitreous models', async () => {
    const { status, stdout } = await vitreous('models', '*reg4*');
    expect(status).toBe(0);
    expect(stdout.toString().trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^vit_base_patch14_reg4_dinov2\.lvd142m +86\.6 M +518 px +apache-2\.0 +DINOv2/),
      expect.stringMatching(/^vit_small_patch14_reg4_dinov2\.lvd142m +22\.1 M/),
    ]);
    const { stdout: json } = await vitreous('models', '--json');
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(listModels())));
    expect((await vitreous('models', 'a', 'b')).status).toBe(2);
  });

  test('vitreous info tells of a model without its weights', async () => {
    const { status, stdout, stderr } = await vitreous(
      'info',
      '--model',
      'vit_base_patch16_clip_quickgelu_224.openai',
    );
    expect([status, stderr]).toEqual([0, '']);
    for (const words of [
      /not here; from \S+\/timm\/vit_base_patch16_clip_224\.openai \(345 MB/,
      /norm before the blocks, quick GELU/,
      /classes +512\n/,
      /mean 0\.48145466 0\.4578275 0\.40821073/,
      /153, 86,193,152 parameters/,
    ]) {
      expect(stdout.toString()).toMatch(words);
    }
    const { stdout: json } = await vitreous('info', '--model', 'deit_base_patch16_224', '--json');
    expect(JSON.parse(json)).toMatchObject({
      name: 'deit_base_patch16_224.fb_in1k',
      parameters: 86567656,
      config: { dim: 768 },
    });
  });
});

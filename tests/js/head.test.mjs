// A classifier from a file of its own: DINO's linear probes. Their numbers are compared with torch's in
// tests/cpp/head_test.cc; this is the way there from JavaScript.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createModel } from 'vitreous';
import { generate } from './support/generated.mjs';
import { fixture } from './support/golden.mjs';
import { safetensors } from './support/safetensors.mjs';

const NANO = 'vit_nano_patch16_224';
const PHOTO = fixture('boats_rgb_320x200.png');
const DIM = 256;

const models = [];
const made = async (...args) => {
  models.push(await createModel(...args));
  return models.at(-1);
};
afterAll(() => {
  for (const model of models) model.dispose();
});

/** A probe on the packaged model: generated weights, as eval_linear.py names them. */
function probe(classes, features) {
  const weight = generate('linear.weight', [classes, features]);
  const bias = generate('linear.bias', [classes]);
  const header = {
    'module.linear.weight': {
      dtype: 'F32',
      shape: [classes, features],
      data_offsets: [0, weight.byteLength],
    },
    'module.linear.bias': {
      dtype: 'F32',
      shape: [classes],
      data_offsets: [weight.byteLength, weight.byteLength + bias.byteLength],
    },
  };
  const data = new Uint8Array(weight.byteLength + bias.byteLength);
  data.set(new Uint8Array(weight.buffer), 0);
  data.set(new Uint8Array(bias.buffer), weight.byteLength);
  return { file: safetensors(JSON.stringify(header), data), weight, bias };
}

test('classify gives the classes of the head', async () => {
  const { file, weight, bias } = probe(7, 4 * DIM);
  const model = await made(NANO, { head: file });
  expect(model.config.numClasses).toBe(7);
  const classes = await model.classify(PHOTO, { topk: 7 });
  expect(classes.map(({ label }) => label)).toEqual(Array(7).fill(undefined));
  expect(classes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);

  // The features, of the public API: the normed CLS tokens of the last four blocks.
  const { prefixTokens } = await model.forwardIntermediates(PHOTO, {
    indices: 4,
    norm: true,
    returnPrefixTokens: true,
  });
  const features = prefixTokens.flatMap(({ data }) => [...data]);
  const logits = await model.forward(PHOTO);
  expect(logits.shape).toEqual([1, 7]);
  logits.data.forEach((logit, i) => {
    const expected = features.reduce((sum, x, j) => sum + x * weight[i * features.length + j], bias[i]);
    expect(logit).toBeCloseTo(expected, 3);
  });
  await expect(model.forwardHead(await model.forwardFeatures(PHOTO))).rejects.toMatchObject({
    code: 'UNSUPPORTED',
  });
});

test('a head of 1,000 classes has the labels of ImageNet', async () => {
  const model = await made(NANO, { head: probe(1000, 2 * DIM).file });
  const packaged = await made(NANO);
  const [{ index, label }] = await model.classify(PHOTO);
  expect(label).toBe(
    (await packaged.classify(PHOTO, { topk: 1000 })).find((one) => one.index === index).label,
  );
});

test('a head that does not fit is refused, and the embedding is what it was without', async () => {
  await expect(createModel(NANO, { head: probe(7, 100).file })).rejects.toMatchObject({
    code: 'TENSOR_SHAPE',
  });
  await expect(createModel(NANO, { head: new Uint8Array(100) })).rejects.toMatchObject({
    code: 'CHECKPOINT_FORMAT',
  });
  const plain = await made(NANO);
  const model = await made(NANO, { head: probe(7, DIM).file });
  expect(await model.embed(PHOTO)).toEqual(await plain.embed(PHOTO));
});

test('vitreous classify --head', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitreous-'));
  try {
    const head = join(folder, 'head.safetensors');
    writeFileSync(head, probe(3, DIM).file);
    const cli = fileURLToPath(new URL('../../dist/cli.mjs', import.meta.url));
    const run = (...args) => promisify(execFile)(process.execPath, [cli, ...args]);
    const { stdout } = await run('classify', PHOTO, '--head', head, '--json');
    expect(JSON.parse(stdout).classes).toHaveLength(3);
    await expect(run('embed', PHOTO, '--head', head)).rejects.toMatchObject({ code: 2 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

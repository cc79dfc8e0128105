// The generator must give the bits that numpy gave timm, else every golden of a generated model is for other weights.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import {
  checksum,
  generate,
  generatedSafetensors,
  safetensorsByteLength,
  vitTensors,
} from './support/generated.mjs';
import { parseNpy, readGolden } from './support/npy.mjs';

// tests/oracle/make_generated_goldens.py describes the lines.
function readLines(model) {
  const text = readFileSync(new URL(`../goldens/generated/${model}.txt`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name, shape, ...bits] = line.split(' ');
      return { name, shape: shape.split('x').map(Number), bits };
    });
}

const hex = (bits) => bits.toString(16).padStart(8, '0');
const bitsOf = (value) => hex(new Uint32Array(new Float32Array([value]).buffer)[0]);

function sameBits({ name, shape, bits }) {
  const values = generate(name, shape);
  expect([name, hex(checksum(values)), bitsOf(values[0]), bitsOf(values.at(-1))]).toEqual([name, ...bits]);
}

async function readAll(stream) {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

test('every rule gives the bits of numpy', () => {
  const lines = readLines('others');
  expect(lines).toHaveLength(8);
  lines.forEach(sameBits);
});

test('the full-size model has the bits of numpy', () => {
  const lines = readLines('vit_base_patch16_224.dino');
  expect(lines).toHaveLength(150);
  lines.forEach(sameBits);
}, 60_000);

test.each([
  ['vit_base_patch16_224.dino', 768, 16],
  ['vit_base_patch8_224.dino', 768, 8],
  ['vit_small_patch16_224.dino', 384, 16],
  ['vit_small_patch8_224.dino', 384, 8],
])('the tensors of %s are those of timm', (model, dim, patch) => {
  const timms = readLines(model).map(({ name, shape }) => ({ name, shape }));
  expect(vitTensors({ dim, depth: 12, patch })).toEqual(timms);
});

test('a tensor without a rule is refused', () => {
  expect(() => generate('fc.running_mean', [3])).toThrow('no rule for the tensor "fc.running_mean"');
});

test('the safetensors stream holds every tensor where its header says', async () => {
  const specs = vitTensors({ dim: 8, depth: 2, patch: 4, image: 8, classes: 3 });
  const bytes = await readAll(generatedSafetensors(specs));
  expect(bytes.length).toBe(safetensorsByteLength(specs));
  const headerSize = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  expect(headerSize % 8).toBe(0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerSize)));
  expect(Object.keys(header)).toEqual(specs.map(({ name }) => name));
  for (const { name, shape } of specs) {
    expect(header[name]).toMatchObject({ dtype: 'F32', shape });
    const [begin, end] = header[name].data_offsets.map((offset) => 8 + headerSize + offset);
    expect(new Float32Array(bytes.slice(begin, end).buffer)).toEqual(generate(name, shape));
  }
});

test('the stream makes a tensor only when it is asked for', async () => {
  // The second tensor has no rule: to make it ahead would break the stream before its first chunk is read.
  const reader = generatedSafetensors([
    { name: 'a.weight', shape: [2, 2] },
    { name: 'bad', shape: [2] },
  ]).getReader();
  expect((await reader.read()).value.length % 8).toBe(0);
  expect((await reader.read()).value).toHaveLength(16);
  await expect(reader.read()).rejects.toThrow('no rule for the tensor "bad"');
});

test('the .npy reader gives shapes and values, and says what is wrong', () => {
  const { data, shape } = readGolden('vit_base_patch16_224.dino/blocks_stats.npy');
  expect(shape).toEqual([12, 3]);
  expect(data).toBeInstanceOf(Float64Array);
  expect(data[1]).toBeLessThan(data[0]); // minimum, mean
  expect(data[0]).toBeLessThan(data[2]); // mean, maximum
  expect(readGolden('vit_base_patch16_224.dino/forward.npy').shape).toEqual([2, 768]);
  expect(readGolden('vit_nano_patch16_224/blocks_fraction16.npy').data).toBeInstanceOf(Uint16Array);

  const bytes = new Uint8Array(
    readFileSync(new URL('../goldens/vit_base_patch16_224.dino/forward.npy', import.meta.url)),
  );
  expect(() => parseNpy(bytes.subarray(0, -4), 'cut.npy')).toThrow(
    'cut.npy: holds 6140 bytes of data, its header says 6144',
  );
  expect(() => parseNpy(bytes.subarray(1), 'text')).toThrow('text: is not a .npy file');
});

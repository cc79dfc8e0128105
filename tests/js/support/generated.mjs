// The counter-based generator of weights and inputs that tests/oracle/README.md specifies. It gives the same bits as
// tests/oracle/generated.py (which fed timm) and tests/cpp/support/generated.h; tests/goldens/generated/ proves it.

const { fround, imul } = Math; // Jest looks a global up slowly: a hundred times the loop's own work

/** FNV-1a 32 of the name's UTF-8 bytes. */
function fnv1a(name) {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = imul(h ^ byte, 0x01000193);
  return h;
}

/** MurmurHash3's 32-bit finalizer. */
function mix(x) {
  x = imul(x ^ (x >>> 16), 0x85ebca6b);
  x = imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

const elements = (shape) => shape.reduce((count, extent) => count * extent, 1);

function ruleFor(name, shape) {
  const leaf = name.slice(name.lastIndexOf('.') + 1);
  if (name === 'input' || name.startsWith('input.')) return { offset: 0, scale: Math.sqrt(3) };
  if (leaf === 'bias') return { offset: 0, scale: 0.1 };
  if (leaf === 'gamma') return { offset: 0.5, scale: 0.2 };
  if (['pos_embed', 'cls_token', 'reg_token'].includes(leaf)) return { offset: 0, scale: 0.5 * Math.sqrt(3) };
  if (leaf === 'weight' && shape.length === 1) return { offset: 1, scale: 0.2 };
  if (leaf === 'weight') return { offset: 0, scale: Math.sqrt(3 / elements(shape.slice(1))) };
  throw new Error(`no rule for the tensor "${name}": see tests/oracle/README.md`);
}

/** The tensor of that name and shape, C order. */
export function generate(name, shape) {
  const { offset, scale } = ruleFor(name, shape);
  const scale32 = fround(scale);
  const h = fnv1a(name);
  const values = new Float32Array(elements(shape));
  for (let i = 0; i < values.length; i++) {
    const bits = mix(mix(imul(i, 0x9e3779b9)) ^ h);
    const unit = (bits >>> 8) * 2 ** -23 - 1; // [-1, 1)
    values[i] = offset + fround(unit * scale32); // each of float32's two roundings, as numpy does them
  }
  return values;
}

/** Sum of bits(values[i]) * (2 i + 1) mod 2^32. */
export function checksum(values) {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let sum = 0;
  for (let i = 0; i < bits.length; i++) sum = (sum + imul(bits[i], 2 * i + 1)) | 0;
  return sum >>> 0;
}

/**
 * The tensors of a timm ViT of the DINO family, `{ name, shape }` in state_dict order.
 * `classes` 0: no head, as in the DINO checkpoints.
 */
export function vitTensors({ dim, depth, patch, image = 224, classes = 0 }) {
  const tokens = 1 + (image / patch) ** 2;
  const layer = (name, weight) => [
    { name: `${name}.weight`, shape: weight },
    { name: `${name}.bias`, shape: [weight[0]] },
  ];
  const block = (i) => [
    ...layer(`blocks.${i}.norm1`, [dim]),
    ...layer(`blocks.${i}.attn.qkv`, [3 * dim, dim]),
    ...layer(`blocks.${i}.attn.proj`, [dim, dim]),
    ...layer(`blocks.${i}.norm2`, [dim]),
    ...layer(`blocks.${i}.mlp.fc1`, [4 * dim, dim]),
    ...layer(`blocks.${i}.mlp.fc2`, [dim, 4 * dim]),
  ];
  return [
    { name: 'cls_token', shape: [1, 1, dim] },
    { name: 'pos_embed', shape: [1, tokens, dim] },
    ...layer('patch_embed.proj', [dim, 3, patch, patch]),
    ...Array.from({ length: depth }, (_, i) => block(i)).flat(),
    ...layer('norm', [dim]),
    ...(classes > 0 ? layer('head', [classes, dim]) : []),
  ];
}

/** The head of a safetensors file of those fp32 tensors in that order: length, JSON, spaces up to a multiple of 8. */
function safetensorsHead(tensorSpecs) {
  const entries = {};
  let offset = 0;
  for (const { name, shape } of tensorSpecs) {
    const end = offset + 4 * elements(shape);
    entries[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const size = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + size).fill(0x20);
  head.set(json, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(size), true);
  return head;
}

/** Bytes of the file that generatedSafetensors streams. */
export function safetensorsByteLength(tensorSpecs) {
  return tensorSpecs.reduce(
    (sum, { shape }) => sum + 4 * elements(shape),
    safetensorsHead(tensorSpecs).length,
  );
}

/**
 * A valid safetensors file (fp32) with generated values for `{ name, shape }` specs, as a ReadableStream of bytes.
 * Each tensor is generated when it is pulled, so the 343 MB of a ViT-B never lie in memory together.
 */
export function generatedSafetensors(tensorSpecs) {
  let next = 0;
  return new ReadableStream(
    {
      start(controller) {
        controller.enqueue(safetensorsHead(tensorSpecs));
      },
      pull(controller) {
        if (next === tensorSpecs.length) return controller.close();
        const { name, shape } = tensorSpecs[next++];
        controller.enqueue(new Uint8Array(generate(name, shape).buffer));
      },
    },
    { highWaterMark: 0 }, // nothing is made ahead of the reader
  );
}

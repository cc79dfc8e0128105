// docs/parity.md: what a full run of the parity tests found, a row for each model.
import { readFileSync, writeFileSync } from 'node:fs';

const versions = JSON.parse(
  readFileSync(new URL('../goldens/parity/meta.json', import.meta.url), 'utf8'),
).versions;

const HEAD = `# Parity with timm

Written by \`node scripts/test.mjs --full --only parity\`. Every model that has a name here, against timm ${versions.timm} (PyTorch
${versions.torch}, fp32, CPU): \`forward\`, \`forwardFeatures\`, \`forwardHead\` with and without \`preLogits\`, CLS's attention in the
first and the last layer, and \`forwardIntermediates\` with five settings (the last four blocks as maps; the first and the
last, normed, as lists; with prefix tokens; stopping early; all blocks, normed). At the native size, at another square one
(16 × 16 patches), and at one that is not square (8 × 13 patches). Weights are generated so that activations look trained,
those of \`vit_nano_patch16_224\` are the packaged model's; \`tests/oracle/README.md\` says how. Models that differ only in
training and classes then have one backbone: of the first all outputs are computed, of the others \`forward\`.

**fp32**: the largest absolute difference in any output, at most 1e-4. **int8**: the smallest cosine between any one of the
outputs and timm's fp32, at least 0.9995. Both over what the goldens keep of an output: values from all over it (256 of a
vector, 64 of all others), and for fp32 the lengths of its rows besides.
`;

const difference = (value) => value.toExponential(0);
/** Rounded down: 1 means that it is. */
const cosine = (value) => (Math.floor(value * 1e5) / 1e5).toFixed(5);

/** The models of \`results\`, { name, size, dtype, difference, cosine }, as a Markdown table in their order. */
export function tableOf(results) {
  const names = [...new Set(results.map(({ name }) => name))];
  const rows = names.map((name) => {
    const own = results.filter((result) => result.name === name);
    const sizes = [...new Set(own.map(({ size }) => size))];
    const cells = (dtype, show) =>
      sizes.map((size) => {
        const found = own.find((result) => result.size === size && result.dtype === dtype);
        return found ? show(found) : '';
      });
    return [
      `\`${name}\``,
      own[0].all ? 'all' : '`forward`',
      sizes.map((size) => size.replace('x', ' × ')).join(', '),
      cells('fp32', (found) => difference(found.difference)).join(', '),
      cells('int8', (found) => cosine(found.cosine)).join(', '),
    ];
  });
  const lines = [['model', 'outputs', 'sizes', 'fp32', 'int8'], Array(5).fill('---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

export const writeTable = (table) =>
  writeFileSync(new URL('../../docs/parity.md', import.meta.url), `${HEAD}\n${table}`);

// The models' measures, in the words of vitreous's `model.config`, and what a forward of them costs.

const vit = (patchSize, dim, depth = 12) => ({
  imageHeight: 224,
  imageWidth: 224,
  patchSize,
  dim,
  depth,
  mlpDim: 4 * dim,
});

/** The DINO family as timm has it, and the model that comes with the package. */
export const MODELS = {
  vit_nano_patch16_224: vit(16, 256, 6),
  'vit_small_patch16_224.dino': vit(16, 384),
  'vit_small_patch8_224.dino': vit(8, 384),
  'vit_base_patch16_224.dino': vit(16, 768),
  'vit_base_patch8_224.dino': vit(8, 768),
};

const tokensOf = ({ imageHeight, imageWidth, patchSize }) => 1 + (imageHeight * imageWidth) / patchSize ** 2;

/** The linear layers of one image's forward, in order: [rows, in, out]. */
export function linearLayers(config) {
  const { dim, depth, mlpDim, patchSize } = config;
  const tokens = tokensOf(config);
  const block = [
    [tokens, dim, 3 * dim],
    [tokens, dim, dim],
    [tokens, dim, mlpDim],
    [tokens, mlpDim, dim],
  ];
  return [[tokens - 1, 3 * patchSize ** 2, dim], ...Array(depth).fill(block).flat()];
}

/** Tokens, and multiply-adds of one image's forward (linear layers and the two attention products), all tokens. */
export function cost(config) {
  const tokens = tokensOf(config);
  const linear = linearLayers(config).reduce((sum, [rows, from, to]) => sum + rows * from * to, 0);
  return { tokens, macs: linear + config.depth * 2 * tokens ** 2 * config.dim };
}

/** Multiply-adds of each stage of one image's embedding, for which the last block computes the CLS token only. */
export function stageCost(config) {
  const { dim, depth, mlpDim, patchSize } = config;
  const tokens = tokensOf(config);
  const rows = (depth - 1) * tokens + 1;
  return {
    patch_embed: (tokens - 1) * 3 * patchSize ** 2 * dim,
    qkv: depth * tokens * dim * 3 * dim,
    attention: 2 * rows * tokens * dim,
    proj: rows * dim * dim,
    'fc1+gelu': rows * dim * mlpDim,
    fc2: rows * mlpDim * dim,
  };
}

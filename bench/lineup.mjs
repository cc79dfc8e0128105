// Who takes part. Each is given as Child takes it, and `kind`: ours, web, floor (a part of the work), native.
import { availableParallelism } from 'node:os';

/** The model that the peers are compared on, and the one that comes with the package. */
export const FULL = 'vit_base_patch16_224.dino';
export const NANO = 'vit_nano_patch16_224';

/** This library; `options`: dtype, threads, relaxed (false leaves relaxed SIMD out), imgSize. */
export const vitreous = (model, { dtype = 'fp32', relaxed = true, ...options }) => ({
  name: `vitreous ${dtype}${relaxed ? '' : ', SIMD128 only'}`,
  kind: 'ours',
  module: 'vitreous',
  options: { ...model, dtype, relaxed, ...options },
});

export const onnxruntimeWeb = (model, { dtype = 'fp32', ...options }) => ({
  name: `onnxruntime-web ${dtype}`,
  kind: 'web',
  module: 'onnxruntime-web',
  options: { ...model, dtype, ...options },
});

/** Everyone who computes the model's embedding, or, as a floor, its linear layers. */
export function everyone(model, threads) {
  const dtypes = ['fp32', 'int8'];
  return [
    ...dtypes.flatMap((dtype) => {
      const best = vitreous(model, { dtype, threads });
      const also = [{ name: `${best.name}, all tokens`, method: 'runAllTokens' }];
      return [{ ...best, also }, vitreous(model, { dtype, threads, relaxed: false })];
    }),
    ...dtypes.map((dtype) => onnxruntimeWeb(model, { dtype, threads })),
    ...dtypes.map((dtype) => ({
      name: `transformers.js ${dtype}`,
      kind: 'web',
      module: 'transformers',
      options: { ...model, dtype, threads },
    })),
    {
      name: 'TensorFlow.js matMul',
      kind: 'floor',
      module: 'tfjs',
      options: { ...model, dtype: 'fp32', threads },
    },
    ...dtypes.map((dtype) => ({
      name: `onnxruntime native ${dtype}`,
      kind: 'native',
      module: 'onnxruntime-node',
      options: { ...model, dtype, threads },
    })),
    {
      name: 'PyTorch native fp32',
      kind: 'native',
      python: 'PyTorch',
      options: { ...model, dtype: 'fp32', threads },
    },
  ];
}

/** The peaks of the machine, which take their turn like a contestant. */
export const peak = ({ peakWasm }, threads) => ({
  name: 'wasm peak',
  kind: 'peak',
  module: 'peak',
  options: { wasm: peakWasm, threads },
});

/** 1, 2, 4, … and the number of cores, or what was asked for. */
export function threadCounts(most = availableParallelism()) {
  const counts = [];
  for (let threads = 1; threads < most; threads *= 2) counts.push(threads);
  return [...counts, most];
}

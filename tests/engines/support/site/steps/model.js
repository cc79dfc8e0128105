// The model, call by call. Every step gives JSON: the same in every engine and in Node, up to rounding.
import { codeOf, dot, sampled } from './values.js';

/**
 * Several models in one page: both dtypes for timm's numbers, and a small one, of 6 × 6 patches, for the calls that only
 * have to be those of Node.
 */
export async function createModel(t) {
  const progress = [];
  t.model = await t.vitreous.createModel(t.name, { onProgress: (p) => progress.push(p) });
  t.int8 = await t.vitreous.createModel(t.name, { dtype: 'int8' });
  t.small = await t.vitreous.createModel(t.name, { imgSize: 96, dynamicImgSize: true });
  const last = progress.at(-1);
  return {
    config: t.model.config,
    dataConfig: t.model.dataConfig,
    dtypes: [t.model.info.dtype, t.int8.info.dtype],
    parameters: t.model.info.parameters,
    packaged: t.model.info.packaged,
    labels: t.model.labels.length,
    done: last.loaded === last.total,
  };
}

export async function embed(t) {
  const many = await t.model.embed(Object.values(t.image));
  const small = await t.small.embed(Object.values(t.image));
  t.embedding = Object.fromEntries(Object.keys(t.image).map((name, i) => [name, small[i]]));
  const one = await t.small.embed(t.image.boats, { normalize: true });
  return {
    // Whole, for timm's goldens.
    embeddings: Object.fromEntries(Object.keys(t.image).map((name, i) => [name, Array.from(many[i])])),
    small: small.map((row) => sampled({ data: row, shape: [row.length] })),
    length: dot(one, one),
  };
}

export const embedInt8 = async (t) => ({
  embeddings: Object.fromEntries(
    await Promise.all(
      Object.entries(t.image).map(async ([name, image]) => [name, Array.from(await t.int8.embed(image))]),
    ),
  ),
});

export const forward = async (t) => sampled(await t.small.forward(t.image.boats));

export async function forwardFeaturesAndHead(t) {
  const features = await t.small.forwardFeatures(t.image.boats);
  return {
    features: sampled(features),
    head: sampled(await t.small.forwardHead(features)),
    preLogits: sampled(await t.small.forwardHead(features, { preLogits: true })),
  };
}

export async function forwardIntermediates(t) {
  const options = { indices: [0, -1], norm: true, returnPrefixTokens: true };
  const { features, intermediates, prefixTokens } = await t.small.forwardIntermediates(
    t.image.boats,
    options,
  );
  const lists = { indices: 2, outputFmt: 'NLC', stopEarly: true, intermediatesOnly: true };
  const only = await t.small.forwardIntermediates(t.image.boats, lists);
  return {
    features: sampled(features),
    intermediates: intermediates.map(sampled),
    prefixTokens: prefixTokens.map(sampled),
    only: only.intermediates.map(sampled),
  };
}

export async function getIntermediateLayers(t) {
  const { intermediates } = await t.small.getIntermediateLayers(t.image.boats, { n: 2, reshape: true });
  const dino = await t.small.getIntermediateLayers(t.image.boats, { n: [1], dino: true });
  return [...intermediates, ...dino.intermediates].map(sampled);
}

export const attention = async (t) => ({
  last: sampled(await t.small.attention(t.image.boats)),
  full: sampled(await t.small.attention(t.image.boats, { layer: 0, full: true })),
  rollout: sampled(await t.small.attentionRollout(t.image.boats, { headFusion: 'max', discardRatio: 0.5 })),
});

export async function qkv(t) {
  const parts = [];
  for (const which of ['query', 'key', 'value'])
    parts.push(sampled(await t.small.qkv(t.image.boats, { which })));
  return parts;
}

export const classify = (t) => t.small.classify(t.image.boats, { topk: 3 });

/** Two classes of the model's own become its classifier; then all of them again. */
export async function resetClassifier(t) {
  const { weight, bias } = await t.small.getClassifier();
  const { dim, numClasses } = t.small.config;
  const two = {
    weight: { data: weight.data.slice(0, 2 * dim), shape: [2, dim] },
    bias: { data: bias.data.slice(0, 2), shape: [2] },
  };
  const features = await t.small.forwardFeatures(t.image.boats);
  const before = await t.small.forwardHead(features);
  await t.small.resetClassifier(2, undefined, two);
  const reset = await t.small.forwardHead(features);
  await t.small.resetClassifier(0);
  const pooled = await t.small.forwardHead(features);
  await t.small.resetClassifier(numClasses, undefined, { weight, bias });
  const after = await t.small.forwardHead(features);
  return {
    reset: Array.from(reset.data),
    pooled: pooled.shape,
    same: after.data.every((value, i) => value === before.data[i]),
  };
}

export async function createTransform(t) {
  const transform = t.vitreous.createTransform(t.small.dataConfig);
  const tensor = await transform(t.image.boats);
  transform.dispose();
  return { tensor: sampled(tensor), embedding: sampled(await t.small.forward(tensor)) };
}

export const sizes = async (t) => Array.from(await t.small.embed(t.image.boats, { imgSize: [64, 112] }));

/** The parts that need no model, and what a model says of itself. */
export async function facts(t) {
  const { cosineSimilarity, listModels, resolveDataConfig, softmax, topk } = t.vitreous;
  const { indices, values } = topk(softmax(Float32Array.of(1, 3, 2)), 2);
  return {
    models: listModels('*dino*').map(({ name }) => name),
    dataConfig: resolveDataConfig(t.small.dataConfig, 'squash'),
    topk: [Array.from(indices), Array.from(values)],
    similarity: cosineSimilarity(t.embedding.boats, t.embedding.airplane),
    memory: (await t.model.memoryBytes()) > (await t.int8.memoryBytes()),
    stages: Object.keys(await t.small.profile()).length > 3,
  };
}

/** The second time no request is made: the test counts them at the server. */
export async function cache(t) {
  const { createModel, deleteFromCache, listCache } = t.vitreous;
  const loads = [];
  for (let i = 0; i < 2; i++) {
    const model = await createModel(t.name, { weights: t.address('model.safetensors'), imgSize: 96 });
    loads.push({ cached: model.info.cached, embedding: sampled(await model.forward(t.image.boats)) });
    model.dispose();
  }
  const [entry] = (await listCache()).filter(({ url }) => url === t.address('model.safetensors'));
  const freed = await deleteFromCache(t.address('model.safetensors'));
  return { loads, complete: entry.complete, freed };
}

export async function abort(t) {
  const at = (controller) => ({ signal: controller.signal });
  const [before, load, call] = [1, 2, 3].map(() => new AbortController());
  before.abort();
  const codes = [await codeOf(t.vitreous.createModel(t.name, at(before)))];
  const loading = codeOf(t.vitreous.createModel(t.name, { ...at(load), onProgress: () => load.abort() }));
  codes.push(await loading);
  const calling = codeOf(t.small.embed(t.image.boats, at(call)));
  call.abort();
  codes.push(await calling);
  return { codes, alive: (await t.small.embed(t.image.boats)).length };
}

export async function errors(t) {
  const { createModel } = t.vitreous;
  const tensor = { data: new Float32Array(3), shape: [1, 3, 1, 1] };
  const loads = ['page.safetensors', 'cut.safetensors', 'missing.safetensors'];
  return {
    arguments: [
      await codeOf(t.small.embed(new Blob(['no picture']))),
      await codeOf(t.small.embed({ data: new Uint8Array(5), width: 2, height: 2, channels: 3 })),
      await codeOf(t.small.embed({})),
      await codeOf(t.small.embed([])),
      await codeOf(t.small.forward(tensor)),
      await codeOf(createModel('no_such_model')),
      await codeOf(createModel(t.name, { dtype: 'fp8' })),
    ],
    loads: await Promise.all(loads.map((name) => codeOf(createModel(t.name, { weights: t.address(name) })))),
    alive: (await t.small.embed(t.image.boats)).length,
  };
}

/** The last one. */
export async function dispose(t) {
  for (const model of [t.model, t.int8, t.small]) {
    model.dispose();
    model.dispose();
  }
  return codeOf(t.small.embed(t.image.boats));
}

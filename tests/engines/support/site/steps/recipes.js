// DINO's recipes, as model.js has the model.
import { codeOf, dot, part, sampled } from './values.js';

const classes = ['boat', 'plane', 'boat', 'plane', 'plant'];
const examples = ({ embedding: { boats, airplane, acanthus } }) => [
  boats,
  airplane,
  boats,
  airplane,
  acanthus,
];

export async function knn(t) {
  const { KnnClassifier } = t.recipes;
  const knn = new KnnClassifier(t.small, { k: 2 });
  await knn.add(examples(t), classes);
  const again = await KnnClassifier.load(t.small, await knn.save());
  const result = {
    predictions: [await knn.predict(t.image.boats), await again.predict(t.embedding.boats)],
    leaveOneOut: await knn.leaveOneOut(),
    removed: await knn.remove('plane'),
    classes: knn.classes,
    size: knn.size,
  };
  knn.dispose();
  again.dispose();
  return result;
}

export async function linearProbe(t) {
  const { LinearProbe } = t.recipes;
  const probe = await LinearProbe.fit(t.small, examples(t), classes);
  const again = LinearProbe.load(t.small, probe.save());
  const [best] = await probe.predict(t.image.airplane);
  return {
    classes: probe.classes,
    converged: probe.converged,
    best: best.label,
    sure: best.probability > 0.9,
    again: (await again.predict(t.embedding.airplane))[0].label,
  };
}

export async function copies(t) {
  const { copyDescriptor, PcaWhitening } = t.recipes;
  const raw = await copyDescriptor(t.small, [t.image.boats, t.image.airplane], { normalize: false });
  const fitted = await PcaWhitening.fit(t.small, Object.values(t.embedding), { dim: 2 });
  const whitening = PcaWhitening.load(t.small, fitted.save());
  const photos = Object.values(t.embedding);
  const { data, shape } = await whitening.apply(photos);
  const learned = await PcaWhitening.fitCopies(t.small, photos, [...photos].reverse(), { dim: 1 });
  return {
    learned: sampled(await learned.apply(photos)),
    raw: raw.map((row) => sampled({ data: row, shape: [row.length] })),
    whitened: [shape, dot(data, data)],
  };
}

export async function masks(t) {
  const { attentionMask, thresholdAttention, upsampleMasks } = t.recipes;
  const masks = await attentionMask(t.small, t.image.boats, { threshold: 0.6 });
  const large = await upsampleMasks(t.small, masks, { height: 96, width: 96 });
  const rollout = await t.small.attentionRollout(t.image.boats);
  const kept = await thresholdAttention(t.small, rollout, 0.3);
  return {
    shapes: [masks.shape, large.shape, kept.shape],
    parts: [masks, large, kept].map(({ data }) => part(data)),
  };
}

export async function pca(t) {
  const { rgb, components, explainedVarianceRatio } = await t.recipes.pcaImages(t.small, [
    t.image.boats,
    t.image.airplane,
  ]);
  return { rgb: rgb.shape, components: sampled(components), ratio: Array.from(explainedVarianceRatio) };
}

export async function correspondence(t) {
  const { correspond, toImagePixels } = t.recipes;
  const pairs = await correspond(t.small, t.image.boats, t.image.airplane, { minScore: 0.2 });
  const best = pairs.slice(0, 3);
  const size = { width: 320, height: 200 };
  return {
    scores: best.map(({ score }) => score),
    places: await toImagePixels(
      t.small,
      best.map(({ a }) => a),
      size,
    ),
  };
}

export async function labelPropagation(t) {
  const { LabelPropagation } = t.recipes;
  const video = new LabelPropagation(t.small);
  const mask = {
    data: Uint8Array.from({ length: 320 * 200 }, (_, i) => +(i % 320 < 160)),
    width: 320,
    height: 200,
  };
  const early = await codeOf(video.next(t.image.boats));
  await video.start(t.image.boats, mask);
  const next = await video.next(t.image.boats);
  const segment = await video.segment(next, { height: 200, width: 320 });
  video.dispose();
  return { early, labels: part(next.labels.data), soft: sampled(next.soft), segment: part(segment.data) };
}

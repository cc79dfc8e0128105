// A web page's use of the package, compiled with the DOM's types and no Node's.
import {
  type Classification,
  cosineSimilarity,
  createModel,
  createTransform,
  type DataConfig,
  type ErrorCode,
  env,
  type ImageInput,
  type ModelInfo,
  type Progress,
  softmax,
  type Tensor,
  type Transform,
  topk,
  type VisionTransformer,
  VitreousError,
} from 'vitreous';
import { type ExportedFile, exportIndex, importIndex } from 'vitreous/export';
import { KnnClassifier, type KnnScore, LinearProbe, pcaImages } from 'vitreous/recipes';
import { ImageIndex, indexFolder, VitreousError as SearchError, type SearchResult } from 'vitreous/search';

env.hub = 'https://example.org';

const model: VisionTransformer = await createModel('vit_base_patch16_224.dino', {
  numClasses: 0,
  weights: new Blob([]),
  signal: new AbortController().signal,
  onProgress: ({ stage, loaded, total }: Progress) => console.log(stage, loaded, total ?? 'unknown'),
});
const canvas: HTMLCanvasElement = document.createElement('canvas');
const images: ImageInput[] = [canvas, new Image(), new ImageData(1, 1), new File([], 'a.png'), 'a.png'];
images.push({ data: new Uint8Array(3), width: 1, height: 1, channels: 3 });

const one: Float32Array = await model.embed(canvas, { normalize: true });
const many: Float32Array[] = await model.embed(images);
const similarity: number = cosineSimilarity(one, many[0] ?? one);
const logits: Tensor = await model.forward(images);
const best: { values: Float32Array; indices: Int32Array } = topk(softmax(logits.data), 5);
const classes: Classification[] = await model.classify(canvas, { topk: 5 });
const batches: Classification[][] = await model.classify(images);
const maps: Tensor = await model.attention(canvas, { layer: -1 });
const { features, intermediates, prefixTokens } = await model.forwardIntermediates(maps, {
  indices: [0, -1],
  outputFmt: 'NLC',
  returnPrefixTokens: true,
});
const pooled: Tensor = await model.forwardHead(features, { preLogits: true });
const info: ModelInfo = model.info;
const config: DataConfig = { ...model.dataConfig, cropPct: 1 };
const transform: Transform = createTransform(config);
const planes: Tensor = await transform(canvas);
try {
  await model.forward(planes);
} catch (error) {
  if (error instanceof VitreousError) {
    const code: ErrorCode = error.code;
    console.log(code === 'ABORTED');
  }
}
console.log(similarity, best, classes, batches, intermediates, prefixTokens, pooled, info.variant);

const index: ImageIndex = await ImageIndex.open({ name: 'photos', model });
await index.add([{ id: 'a', image: canvas, metadata: { year: 2024 } }]);
await indexFolder(index, new DataTransfer().files, { onProgress: ({ done }) => console.log(done) });
const results: SearchResult[] = await index.search(canvas, { k: 3 });
const files: ExportedFile[] = exportIndex(index, 'npy');
const again: ImageIndex = await ImageIndex.load(await index.save());
await importIndex(again, { npy: new Blob([]), jsonl: new Blob([]) });
console.log(results[0]?.score, files[0]?.name, new SearchError('INTERNAL', '') instanceof VitreousError);

const knn = new KnnClassifier(model, { k: 5 });
await knn.add(images, ['a', 'b']);
const scores: KnnScore[] = await knn.predict(canvas);
const probe: LinearProbe = await LinearProbe.fit(model, images, ['a', 'b']);
console.log(scores[0]?.label, probe.classes, await pcaImages(model, images));

// @ts-expect-error a page has no paths
await ImageIndex.open({ path: 'photos.index', model });
// @ts-expect-error there is no such dtype
await createModel('vit_base_patch16_224.dino', { dtype: 'fp64' });
// @ts-expect-error an image is no number
await model.embed(7);
// @ts-expect-error what the model says of itself is not to be changed
model.config.dim = 1;
// @ts-expect-error nor is an engine the caller's to hand in
new VitreousError('NO_SUCH_CODE', '');
model.dispose();

// What the Emscripten glue exposes of the tools' module, written by hand after bindings/recipes.cc, search.cc and groups.cc;
// tests/js/glue.test.mjs holds the two against each other.
import type { Box } from '../images/pixels.js';
import type { DataConfig } from '../types.js';
import type { AnyModule, EngineObject } from './module.js';

/** Labelled embeddings; see src/recipes/feature_bank.h. */
export interface GlueFeatureBank extends EngineObject {
  /** (count, dim) and (count) */
  add(features: Float32Array, labels: Int32Array): void;
  /** @returns how many had that label */
  remove(label: number): number;
  /** @returns (queries, classes) */
  scores(queries: Float32Array, k: number, temperature: number, classes: number): Float64Array;
  /** @returns how many get their own label from the others */
  leaveOneOut(k: number, temperature: number, classes: number): number;
  contents(): { features: Float32Array; labels: Int32Array };
}

export interface GlueLogisticRegression extends EngineObject {
  /** So many steps more; `more`: there is still something to gain. */
  run(
    iterations: number,
    tolerance: number,
  ): { iterations: number; loss: number; gradient: number; more: boolean };
  /** (classes, dim) and (classes) */
  result(): { weight: Float32Array; bias: Float32Array };
}

export interface PropagationOptions {
  lastFrames: number;
  neighborhood: number;
  topk: number;
  temperature: number;
}

export interface GlueLabelPropagation extends EngineObject {
  /** (patches, dim) and (patches) */
  start(features: Float32Array, labels: Uint8Array, classes: number): void;
  /** @returns (classes, patches) and (patches) */
  next(features: Float32Array): { soft: Float32Array; labels: Uint8Array };
}

export interface VectorIndexOptions {
  /** Numbers of a vector. */
  dim: number;
  /** cosine: vectors are scaled to length 1 when added and when asked with. */
  metric: 'cosine' | 'dot';
  /** What the scan reads. */
  storage: 'fp32' | 'int8' | 'binary';
  /** Floats are kept beside int8 or binary, and candidates scored with them. */
  keep: boolean;
}

export interface SearchOptions {
  k: number;
  /** -Infinity: none */
  minScore: number;
  /** A byte a row, 0: not to be looked at; undefined: all. */
  allowed: Uint8Array | undefined;
  /** false: by the lists, where trained. */
  exact: boolean;
}

/** Rows are numbered in the order of adding; a removed row keeps its number until `compact`. */
export interface GlueVectorIndex extends EngineObject {
  /** (n, dim) → number of the first row; all are refused, and none added, if one is not finite, or zero under cosine. */
  add(vectors: Float32Array): number;
  /** Rows as `packed` gave them: the same bits again. */
  addPacked(bytes: Uint8Array): number;
  /** (n, rowBytes()): all that is stored of each row. */
  packed(rows: Int32Array): Uint8Array;
  rowBytes(): number;
  /** (n, dim), as stored; dequantized where the floats are not kept. */
  vectors(rows: Int32Array): Float32Array;
  remove(rows: Int32Array): void;
  /** Removed ones included. */
  rows(): number;
  /** Without them. */
  size(): number;
  /** queries: (q, dim); (q, k) each, best first, ties by row; -1 and -Infinity where there are fewer. */
  search(queries: Float32Array, options: SearchOptions): { rows: Int32Array; scores: Float32Array };
  /** By old row the new one, -1 for removed ones. */
  compact(): Int32Array;
  /** Whether an exact search takes longer than a frame, and there is no training, or the index has doubled since. */
  wantsTraining(): boolean;
  /** Divides what is there into lists (k-means), which searches that are not `exact` use; rows added later go into them. */
  beginTraining(options: { lists: number; iterations: number; seed: number }): void;
  /** Some milliseconds of it. Returns whether that was the last. */
  trainStep(): boolean;
  trained(): boolean;
  /** What training has learnt, for `restore` into an index of the same rows, and perhaps later ones; empty if not trained. */
  trainingState(): Uint8Array;
  restore(state: Uint8Array): void;
}

/** The principal axes of rows that come in parts; see src/recipes/pca.h. */
export interface GluePrincipalAxes extends EngineObject {
  /** (n, dim), more of them */
  add(x: Float32Array): void;
  /** (dim) and (count, dim), for `project` */
  fit(count: number): { mean: Float32Array; axes: Float32Array };
}

/** The arithmetic of the recipes (src/recipes), on plain arrays. */
export interface Recipes {
  /** The rectangle of an image of that size that the model's input shows; outside of it where the image is padded. */
  inputBox(config: DataConfig, width: number, height: number): Box;
  /** (rows, dim), (classes, dim), (classes) → (rows, classes) */
  logits(x: Float32Array, weight: Float32Array, bias: Float32Array): Float32Array;
  normalizeRows(x: Float32Array, dim: number): Float32Array;
  /** (images, prefix + patches, dim) → (images, 2 dim) */
  copyDescriptors(
    tokens: Float32Array,
    prefix: number,
    patches: number,
    dim: number,
    p: number,
  ): Float32Array;
  /** (rows, dim) → (dim), (axes, dim) */
  fitWhitening(
    x: Float32Array,
    dim: number,
    options: { dim: number; power: number; centered: boolean },
  ): { mean: Float32Array; axes: Float32Array };
  /** (rows, dim), (copies, dim) → (dim), (axes, dim) */
  fitCopyWhitening(
    x: Float32Array,
    y: Float32Array,
    dim: number,
    options: { dim: number; shrinkage: number },
  ): { mean: Float32Array; axes: Float32Array };
  /** (rows, dim), (dim), (axes, dim) → (rows, axes) */
  project(x: Float32Array, mean: Float32Array, axes: Float32Array): Float32Array;
  /** (rows, dim) → components and rgb (rows, count), foreground (rows), the rest (count) */
  pcaImages(
    tokens: Float32Array,
    dim: number,
    count: number,
    foreground: { threshold: number; above: boolean } | undefined,
  ): {
    components: Float32Array;
    rgb: Uint8Array;
    foreground: Uint8Array;
    variance: Float32Array;
    varianceRatio: Float32Array;
  };
  /** Pairs of patches, best first. */
  correspond(
    a: Float32Array,
    b: Float32Array,
    dim: number,
    mutual: boolean,
    minScore: number,
  ): { a: Int32Array; b: Int32Array; scores: Float32Array };
  /** (maps, patches) → 0 or 1 */
  thresholdAttention(maps: Float32Array, patches: number, threshold: number): Uint8Array;
  /** (planes, fromHeight, fromWidth) → (planes, height, width) of a part of each */
  resizeNearest(
    planes: Uint8Array,
    fromHeight: number,
    fromWidth: number,
    part: Box,
    height: number,
    width: number,
  ): Uint8Array;
  /** (classes, gridHeight, gridWidth) → (height, width) */
  segment(
    soft: Float32Array,
    gridHeight: number,
    gridWidth: number,
    patchSize: number,
    height: number,
    width: number,
  ): Uint8Array;
  /** As in zip (ISO 3309). */
  crc32(bytes: Uint8Array): number;
  /** Neighbours and their distances (n, k), nearest first, -1 where there are fewer → (n) and (n); -1: in no cluster. */
  hdbscan(
    n: number,
    neighbours: Int32Array,
    distances: Float32Array,
    minClusterSize: number,
    minSamples: number,
  ): { labels: Int32Array; probabilities: Float32Array };
}

/** Objects of the engine that are called from outside by name, and live until they are released. */
export interface EngineClasses {
  FeatureBank: new (dim: number) => GlueFeatureBank;
  LogisticRegression: new (
    features: Float32Array,
    dim: number,
    labels: Int32Array,
    classes: number,
    c: number,
  ) => GlueLogisticRegression;
  LabelPropagation: new (
    height: number,
    width: number,
    dim: number,
    options: PropagationOptions,
  ) => GlueLabelPropagation;
  VectorIndex: new (options: VectorIndexOptions) => GlueVectorIndex;
  PrincipalAxes: new (dim: number) => GluePrincipalAxes;
}

export interface ToolsModule extends AnyModule, Recipes, EngineClasses {}

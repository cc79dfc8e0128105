// What the Emscripten glue exposes of the model's module, written by hand after bindings/vitreous.cc, and the glue
// itself; tests/js/glue.test.mjs holds the two against each other.
import type { Box } from '../images/pixels.js';
import type { DataConfig, GlobalPool, ModelConfig } from '../types.js';
import type { ToolsModule } from './tools.js';

/** One thing asked of a forward; see `Outputs` in src/model/vit.h. */
export interface ForwardRequest {
  /** Of the images, in pixels. */
  height: number;
  width: number;
  pooled: boolean;
  logits: boolean;
  tokens: boolean;
  /** The block after which the forward ends, and `tokens` are its output; −1: the last. */
  lastBlock: number;
  /** Outputs of these blocks, with the final norm if `norm`, channels first if `nchw`. */
  blocks: number[];
  norm: boolean;
  nchw: boolean;
  /** Attention of these blocks: CLS → patches, or with `fullAttention` all tokens → all tokens. */
  attention: number[];
  fullAttention: boolean;
  qkv: { block: number; part: 'query' | 'key' | 'value' } | undefined;
  rollout: { headFusion: 'mean' | 'max' | 'min'; discardRatio: number } | undefined;
}

export interface ForwardResult {
  /** (batch, dim) */
  pooled?: Float32Array;
  /** (batch, numClasses) */
  logits?: Float32Array;
  /** (batch, tokens, dim) */
  tokens?: Float32Array;
  /** each (batch, patches, dim) or (batch, dim, patches) */
  blocks: Float32Array[];
  /** each (batch, 1 + registers, dim) */
  prefixes: Float32Array[];
  /** each (batch, heads, patches) or (batch, heads, tokens, tokens) */
  attention: Float32Array[];
  /** (batch, heads, tokens, head dim) */
  qkv?: Float32Array;
  /** (batch, patches) */
  rollout?: Float32Array;
}

/** An object of the engine; its memory is freed by `delete` only. */
export interface EngineObject {
  delete(): void;
}

export interface GlueTransform extends EngineObject {
  /** @returns the part of the image that matters */
  begin(width: number, height: number, channels: number): Box;
  /** Where the next rows of that part go, tightly packed: the engine's memory, to be filled before any other call. */
  room(rows: number): Uint8Array;
  push(rows: number): void;
  finish(): Float32Array;
}

export interface GlueClassifier {
  /** (classes, features) */
  weight: Float32Array;
  /** (classes) */
  bias: Float32Array;
}

export interface GlueModel extends EngineObject {
  /** Of the classifier that was loaded; 0 without one. */
  numClasses(): number;
  forward(images: Float32Array, request: ForwardRequest): ForwardResult;
  forwardHead(features: Float32Array, tokens: number, preLogits: boolean): Float32Array;
  classifier(): GlueClassifier | undefined;
  /** Without values: zeros. */
  resetClassifier(
    numClasses: number,
    globalPool: GlobalPool,
    weight: Float32Array | undefined,
    bias: Float32Array | undefined,
  ): void;
  profile(): Record<string, number>;
}

/** Takes one file after the other: the model's, and the classifier's if there is one. */
export interface GlueLoader extends EngineObject {
  /** `size` in bytes, -1 where it is not known; `head`: this is the file with the classifier. */
  beginFile(size: number, head: boolean): void;
  push(bytes: Uint8Array): void;
  endFile(): void;
  /** Bytes of the current file in all, as its header says; -1 until that has come. */
  expectedBytes(): number;
  finish(): GlueModel;
}

export interface GlueLoaderOptions {
  /** Arithmetic of the blocks' linear layers. */
  int8: boolean;
  /** How many files the model has: shards. */
  files: number;
  /** A file with a classifier comes too. */
  head: boolean;
}

/** A piece of a file and its place there. */
export interface GluePiece {
  offset: number;
  bytes: Uint8Array;
}

/** Takes the files of a model as {@link GlueLoader} does, and makes one file of another dtype of them. */
export interface GlueConverter extends EngineObject {
  beginFile(size: number, head: boolean): void;
  push(bytes: Uint8Array): void;
  endFile(): void;
  /** After the last file. */
  finish(): void;
  /** What was made since the last call, to be written in any order. */
  take(): GluePiece[];
}

export interface GlueConverterOptions {
  /** The blocks' linear layers in int8, else everything in fp16. */
  int8: boolean;
  /** How many files the model has: shards. */
  files: number;
  /** The text of the model's config.json, for the metadata of an int8 file. */
  config: string;
}

/** A row of src/model/registry.cc, as bindings/models.cc gives it to the build. */
export interface ModelEntry {
  config: ModelConfig;
  data: DataConfig;
  description: string;
  /** Of the weights, as timm states it. */
  license: string;
  /** The repository with the weights. */
  hub: string;
}

/** What every module has; see bindings/module.cc. */
export interface AnyModule {
  memoryBytes(): number;
  /** @returns how many threads there are then, the caller included: 1 in a build without threads */
  setThreads(threads: number): number;
}

export interface ModelModule extends AnyModule {
  Transform: new (config: DataConfig) => GlueTransform;
  Loader: new (config: ModelConfig, options: GlueLoaderOptions) => GlueLoader;
  Converter: new (config: ModelConfig, options: GlueConverterOptions) => GlueConverter;
}

/** The modules of the engine: each a wasm file with a memory and threads of its own. */
export interface Modules {
  /** From weights and pixels to embeddings. */
  model: ModelModule;
  /** From embeddings on: recipes, search, groups. */
  tools: ToolsModule;
}
export type ModuleName = keyof Modules;

/** What the glue takes; it puts `PThread` on it before it returns. */
export interface GlueOptions {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
  /** The most bytes that memory grows to, if fewer than 4 GB. */
  maxMemory?: number | undefined;
  wasmMemory: WebAssembly.Memory;
  /** The size of the pool, the caller included. */
  threads?: number;
  /** The script that a thread's worker runs: the one with the glue in it. Default in Node: the glue's own file. */
  mainScriptUrlOrBlob?: string | undefined;
  PThread?: { unusedWorkers: Worker[]; terminateAllThreads(): void };
}

/** Starts the module that it is given. */
export type CreateEngine = <M extends AnyModule>(options: GlueOptions) => Promise<M>;

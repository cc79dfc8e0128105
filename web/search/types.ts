import type { VisionTransformer } from '../model.js';
import type { ImageInput, Region } from '../types.js';

/** What is known of an entry beside its vector; it must survive JSON. */
export type Metadata = Record<string, unknown>;

/** A new entry: an image, which the index's model embeds, or a vector of its length. */
export interface NewEntry {
  /** Unique in the index. */
  id: string;
  image?: ImageInput;
  /** (dim) */
  vector?: ArrayLike<number>;
  metadata?: Metadata;
}

/** An entry of an index. */
export interface Entry {
  id: string;
  /** (dim), as stored: of length 1 with `metric: 'cosine'`; rounded with `'int8'` or `'binary'` without `keep`. */
  vector: Float32Array;
  metadata: Metadata | undefined;
}

/** An entry that was found. */
export interface SearchResult {
  id: string;
  /** Cosine or inner product, as the index's `metric` says. */
  score: number;
  metadata: Metadata | undefined;
}

/** One thing to be like, or with a negative weight unlike. */
export type WeightedQuery = { weight?: number } & (
  | { image: ImageInput }
  | { vector: ArrayLike<number> }
  | { id: string }
);

/**
 * What to search by: an image, a vector, an entry of the index, or several with weights, whose vectors are scaled to
 * length 1, weighted (default 1) and added up.
 */
export type Query = ImageInput | Float32Array | { id: string } | WeightedQuery[];

/** What a field of the metadata is compared with. */
export type Value = string | number | boolean | null;

/** By field of the metadata, all to be met; of a list one member must meet it. */
export type FieldFilter = Record<
  string,
  | Value
  | {
      eq?: Value;
      ne?: Value;
      gt?: number | string;
      gte?: number | string;
      lt?: number | string;
      lte?: number | string;
      in?: Value[];
    }
>;

/** Which entries count: by field of their metadata, or by a function. */
export type Filter = FieldFilter | ((metadata: Metadata | undefined, id: string) => boolean);

/** Options of a search. */
export interface SearchByOptions {
  /** How many results at most; default 10. */
  k?: number;
  /** Decided before scoring: there are `k` results if so many entries pass. */
  filter?: Filter;
  /** Results have at least this score. */
  minScore?: number;
  /**
   * Searches by a part of the image; of several parts each entry's best score counts. In pixels of the upright image.
   */
  region?: Region | Region[];
  /** Looks at every entry, where there is an approximate index; default false, with `approximate: false` true. */
  exact?: boolean;
  signal?: AbortSignal;
}

/** What an index is made of. */
export interface IndexOptions {
  /** Embeds images. Without one the index takes vectors only, and runs on an engine of its own. */
  model?: VisionTransformer;
  /** Length of the vectors, for a new index without a model. */
  dim?: number;
  /**
   * What a search reads. `'fp32'`, the default: exact. `'int8'`: a quarter of the memory, a few times faster. `'binary'`: a
   * sign for each number. A new index keeps it; of one that is there it must be the same.
   */
  storage?: 'fp32' | 'int8' | 'binary';
  /** Keeps fp32 beside `'int8'` or `'binary'`, and scores the best candidates anew with it. Default: true. */
  keep?: boolean;
  /** Default `'cosine'`: vectors are scaled to length 1. */
  metric?: 'cosine' | 'dot';
  /**
   * `'auto'`, the default: above 128 MB of what a search reads (43,690 vectors of 768 numbers in fp32, nearly four times as
   * many in int8) an approximate index is built in the background, and anew each time the index has doubled. `false`: none is built,
   * and searches look at every entry.
   */
  approximate?: 'auto' | false;
  /** Where the package's `dist` is, for an engine of its own; as for createModel. */
  assetBase?: string | URL;
  /** Whether that engine runs in a worker; as for createModel. */
  worker?: boolean;
  /** How many threads search; as for createModel. */
  threads?: number | 'auto';
  signal?: AbortSignal;
}

/** Options for an index that is read from somewhere. */
export interface StoredIndexOptions extends IndexOptions {
  /** Opens an index that another model made, or one whose model is unknown. Default false: `INDEX_MISMATCH`. */
  force?: boolean;
  /** Opens a damaged index with what is intact; `index.recovered` says what was lost. Default false: `INDEX_CORRUPT`. */
  repair?: boolean;
  /** `loaded` bytes have been read. */
  onProgress?: (progress: { stage: 'open'; loaded: number }) => void;
}

/** Options for an index that is kept. */
export interface OpenIndexOptions extends StoredIndexOptions {
  /** Waits until another tab or process closes the index, instead of `INDEX_LOCKED`. */
  wait?: boolean;
  /** Reads beside the one that writes, and takes over what that has committed. Default false. */
  readOnly?: boolean;
}

/** Options of adding entries. */
export interface AddOptions {
  signal?: AbortSignal;
  /** Called after each group of images. */
  onProgress?: (progress: { stage: 'images'; loaded: number; total: number }) => void;
}

/** Options of {@link SearchIndex.train}. */
export interface TrainOptions {
  lists?: number;
  iterations?: number;
  seed?: number;
}

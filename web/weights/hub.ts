import { VitreousError } from '../errors.js';
import type { DataConfig, ModelConfig } from '../types.js';

/** What a `config.json` in timm-hub layout says, in our terms. */
export interface HubConfig {
  /** The file itself. */
  json: unknown;
  architecture: string | undefined;
  config: Partial<ModelConfig>;
  /** The MLPs' width in embeddings. */
  mlpRatio: number | undefined;
  dataConfig: Partial<DataConfig>;
  license: string | undefined;
}

// Arguments of timm's VisionTransformer that must have these values, its defaults, if they are given at all.
const FIXED: Record<string, unknown> = {
  in_chans: 3,
  qkv_bias: true,
  qk_norm: false,
  scale_attn_norm: false,
  scale_mlp_norm: false,
  proj_bias: true,
  class_token: true,
  pos_embed: 'learn',
  final_norm: true,
  pool_include_prefix: false,
  dynamic_img_pad: false,
};
// Arguments that only training looks at, and one that does not change the weights.
const IGNORED = [
  'drop_rate',
  'pos_drop_rate',
  'patch_drop_rate',
  'proj_drop_rate',
  'attn_drop_rate',
  'drop_path_rate',
  'weight_init',
  'fix_init',
  'dynamic_img_size',
];
// timm's layer of that name, whose eps is not the one of CLIP's architectures.
const LAYER_NORM = { layernorm: 1e-6 };

/**
 * Reads timm's `config.json` (`architecture`, `num_classes`, `model_args`, `pretrained_cfg`), as
 * `timm.models.push_to_hf_hub` writes it.
 * @param from - for messages
 * @throws `INVALID_ARGUMENT` naming a field of the wrong kind, `UNSUPPORTED` naming one that leads out of the family
 */
export function parseHubConfig(json: unknown, from: string): HubConfig {
  const root = record(json, 'the file', from);
  const pretrained = record(root.pretrained_cfg ?? {}, 'pretrained_cfg', from);
  const args = record(root.model_args ?? {}, 'model_args', from);
  const cfg = new Fields(pretrained, 'pretrained_cfg', from);
  const arg = new Fields(args, 'model_args', from);
  const [imageHeight, imageWidth] = arg.pair('img_size') ?? [];
  const [patchSize, patchWidth] = arg.pair('patch_size') ?? [];
  if (patchSize !== patchWidth) arg.refuse('patch_size');
  const norm = arg.choice('norm_layer', ['layernorm']);
  const initValues = arg.number('init_values');
  const config = defined<Partial<ModelConfig>>({
    dim: arg.number('embed_dim'),
    depth: arg.number('depth'),
    heads: arg.number('num_heads'),
    patchSize,
    imageHeight,
    imageWidth,
    numClasses: arg.number('num_classes') ?? new Fields(root, '', from).number('num_classes'),
    normEps: norm && LAYER_NORM[norm],
    // timm's layer scale starts from this value; null and 0 mean none.
    layerScale: args.init_values === undefined ? undefined : Boolean(initValues),
    regTokens: arg.number('reg_tokens'),
    noEmbedClass: arg.flag('no_embed_class'),
    preNorm: arg.flag('pre_norm'),
    activation: arg.choice('act_layer', ['gelu', 'quick_gelu']),
    globalPool: arg.choice('global_pool', ['token', 'avg', '']),
    fcNorm: arg.flag('fc_norm'),
  });
  const mlpRatio = arg.number('mlp_ratio');
  for (const [name, value] of Object.entries(FIXED)) arg.fixed(name, value);
  arg.refuseOthers(IGNORED);
  return {
    json,
    architecture: new Fields(root, '', from).text('architecture'),
    license: cfg.text('license'),
    config,
    mlpRatio,
    dataConfig: defined<Partial<DataConfig>>({
      inputSize: cfg.triple('input_size'),
      interpolation: cfg.choice('interpolation', ['bicubic', 'bilinear']),
      cropPct: cfg.number('crop_pct'),
      cropMode: cfg.choice('crop_mode', ['center', 'squash', 'border']),
      mean: cfg.triple('mean'),
      std: cfg.triple('std'),
    }),
  };
}

/** The fields of an object of the file, each of one kind; null is as good as none. */
class Fields {
  readonly #values: Record<string, unknown>;
  readonly #name: string;
  readonly #from: string;
  readonly #read = new Set<string>();

  constructor(values: Record<string, unknown>, name: string, from: string) {
    this.#values = values;
    this.#name = name;
    this.#from = from;
  }

  number(field: string): number | undefined {
    return this.#of(field, 'a number', (value) => Number.isFinite(value)) as number | undefined;
  }

  text(field: string): string | undefined {
    return this.#of(field, 'a text', (value) => typeof value === 'string') as string | undefined;
  }

  flag(field: string): boolean | undefined {
    return this.#of(field, 'true or false', (value) => typeof value === 'boolean') as boolean | undefined;
  }

  triple(field: string): [number, number, number] | undefined {
    const three = (value: unknown) =>
      Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
    return this.#of(field, 'three numbers', three) as [number, number, number] | undefined;
  }

  /** A number stands for two equal ones. */
  pair(field: string): [number, number] | undefined {
    const two = (value: unknown) =>
      Number.isFinite(value) || (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite));
    const value = this.#of(field, 'a number or two', two) as number | [number, number] | undefined;
    return typeof value === 'number' ? [value, value] : value;
  }

  choice<T extends string>(field: string, known: T[]): T | undefined {
    const value = this.text(field) as T | undefined;
    if (value !== undefined && !known.includes(value)) this.refuse(field, known);
    return value;
  }

  fixed(field: string, expected: unknown): void {
    this.#read.add(field);
    const value = this.#values[field] ?? expected;
    if (value !== expected) this.refuse(field, [expected]);
  }

  /** For fields that nobody asked for. */
  refuseOthers(ignored: string[]): void {
    const other = Object.keys(this.#values).find((key) => !this.#read.has(key) && !ignored.includes(key));
    if (other !== undefined) this.refuse(other);
  }

  refuse(field: string, known: unknown[] = []): never {
    const value = JSON.stringify(this.#values[field]);
    const rest = known.length === 0 ? '' : `; ${known.map((one) => JSON.stringify(one)).join(', ')} is`;
    throw new VitreousError(
      'UNSUPPORTED',
      `${this.#from}: ${this.#path(field)} ${value} is not supported${rest}.`,
    );
  }

  #of(field: string, kind: string, fits: (value: unknown) => boolean): unknown {
    this.#read.add(field);
    const value = this.#values[field] ?? undefined;
    if (value === undefined || fits(value)) return value;
    throw invalid(this.#path(field), kind, this.#from);
  }

  #path(field: string): string {
    return this.#name === '' ? field : `${this.#name}.${field}`;
  }
}

/** The name under which createModel finds what a config.json describes: `architecture` and the weights' tag. */
export function hubModelName(json: unknown, from: string): string {
  const { architecture, pretrained_cfg } = record(json, 'the file', from);
  if (typeof architecture !== 'string') throw invalid('architecture', 'a text', from);
  const tag = (pretrained_cfg as { tag?: unknown } | undefined)?.tag;
  return typeof tag === 'string' && tag !== '' ? `${architecture}.${tag}` : architecture;
}

function record(value: unknown, field: string, from: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw invalid(field, 'an object', from);
}

const invalid = (field: string, kind: string, from: string) =>
  new VitreousError('INVALID_ARGUMENT', `${from}: ${field} should be ${kind}.`);

// Fields that are not there must not hide the defaults under them.
function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

import { VitreousError } from '../errors.js';
import type { DataConfig, ModelConfig } from '../types.js';

/** What a `config.json` in timm-hub layout says, in our terms. */
export interface HubConfig {
  /** The file itself. */
  json: unknown;
  architecture: string | undefined;
  config: Partial<ModelConfig>;
  dataConfig: Partial<DataConfig>;
  license: string | undefined;
}

/**
 * Reads timm's `config.json` (`architecture`, `num_classes`, `model_args`, `pretrained_cfg`).
 * @param from - for messages
 * @throws `INVALID_ARGUMENT` naming the field
 */
export function parseHubConfig(json: unknown, from: string): HubConfig {
  const root = record(json, 'the file', from);
  const pretrained = record(root.pretrained_cfg ?? {}, 'pretrained_cfg', from);
  const args = record(root.model_args ?? {}, 'model_args', from);
  const known = new Set([
    'embed_dim',
    'depth',
    'num_heads',
    'patch_size',
    'img_size',
    'num_classes',
    'init_values',
  ]);
  const unknown = Object.keys(args).filter((key) => !known.has(key));
  if (unknown.length > 0) {
    throw new VitreousError('UNSUPPORTED', `${from}: model_args.${unknown[0]} is not supported.`);
  }
  const number = (value: unknown, field: string) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw invalid(field, 'a number', from);
  };
  const triple = (value: unknown, field: string): [number, number, number] | undefined => {
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)) {
      return value as [number, number, number];
    }
    throw invalid(field, 'three numbers', from);
  };
  const text = (value: unknown, field: string) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    throw invalid(field, 'a text', from);
  };
  const choice = <T extends string>(value: unknown, field: string, known: T[]) => {
    const chosen = text(value, field);
    if (chosen === undefined || known.includes(chosen as T)) return chosen as T | undefined;
    throw new VitreousError(
      'UNSUPPORTED',
      `${from}: ${field} '${chosen}' is not supported; ${known.join(', ')} are.`,
    );
  };
  const size = number(args.img_size, 'model_args.img_size');
  const initValues = number(args.init_values, 'model_args.init_values');
  return {
    json,
    architecture: text(root.architecture, 'architecture'),
    license: text(pretrained.license, 'pretrained_cfg.license'),
    config: defined({
      dim: number(args.embed_dim, 'model_args.embed_dim'),
      depth: number(args.depth, 'model_args.depth'),
      heads: number(args.num_heads, 'model_args.num_heads'),
      patchSize: number(args.patch_size, 'model_args.patch_size'),
      imageHeight: size,
      imageWidth: size,
      numClasses: number(args.num_classes ?? root.num_classes, 'num_classes'),
      // timm's layer scale starts from this value; null and 0 mean none.
      layerScale: args.init_values === undefined ? undefined : Boolean(initValues),
    }),
    dataConfig: defined({
      inputSize: triple(pretrained.input_size, 'pretrained_cfg.input_size'),
      interpolation: choice(pretrained.interpolation, 'pretrained_cfg.interpolation', [
        'bicubic',
        'bilinear',
      ]),
      cropPct: number(pretrained.crop_pct, 'pretrained_cfg.crop_pct'),
      cropMode: choice(pretrained.crop_mode, 'pretrained_cfg.crop_mode', ['center', 'squash', 'border']),
      mean: triple(pretrained.mean, 'pretrained_cfg.mean'),
      std: triple(pretrained.std, 'pretrained_cfg.std'),
    }),
  };
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

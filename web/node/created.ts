// How models came to be, for processes that need the same one.
import type { VisionTransformer } from '../model.js';
import type { CreateModelOptions } from '../types.js';

/** What makes the model again; it can be sent to another process. */
export interface Recipe {
  name: string;
  options: CreateModelOptions;
}

const recipes = new WeakMap<VisionTransformer, Recipe>();

export function remember(
  model: VisionTransformer,
  name: string,
  options: CreateModelOptions,
): VisionTransformer {
  recipes.set(model, { name, options });
  return model;
}

/** Undefined where the weights or the head were not given by name, path, address or bytes: they can be read only once. */
export function recipeOf(model: VisionTransformer): Recipe | undefined {
  const recipe = recipes.get(model);
  if (recipe === undefined) return undefined;
  const { signal, onProgress, threads, ...options } = recipe.options;
  const sent: CreateModelOptions = { ...options };
  for (const key of ['weights', 'head'] as const) {
    const from = options[key];
    if (from === undefined) continue;
    if (from instanceof URL) sent[key] = from.href;
    else if (typeof from !== 'string' && !(from instanceof ArrayBuffer) && !(from instanceof Uint8Array))
      return undefined;
  }
  return { name: recipe.name, options: sent };
}

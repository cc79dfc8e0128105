// By itself, so that only who wants it loads it. Named here because a bundler gives an imported CommonJS module as `default`.
export { UMAP } from 'umap-js';

// Every step, in order: the whole public API. They share `t`, see run.js.
import * as model from './model.js';
import * as recipes from './recipes.js';
import * as search from './search.js';

const { createModel, embed, dispose, ...calls } = model;
export const steps = { createModel, embed, ...calls, ...recipes, ...search, dispose };

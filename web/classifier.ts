// What a classifier and the pooling before it may be.
import type { GlueClassifier } from './engine/module.js';
import { VitreousError } from './errors.js';
import type { Classifier, GlobalPool, Tensor } from './types.js';

/** @throws `INVALID_ARGUMENT` for a pooling that this engine does not have */
export function checkGlobalPool(globalPool: GlobalPool): void {
  if (['token', 'avg', ''].includes(globalPool)) return;
  throw new VitreousError('INVALID_ARGUMENT', `globalPool is 'token', 'avg' or '', not '${globalPool}'.`);
}

/** @throws `INVALID_ARGUMENT` for what is no number of classes */
export function checkNumClasses(numClasses: number): void {
  if (Number.isInteger(numClasses) && numClasses >= 0) return;
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `numClasses must be a whole number from 0 on, not ${numClasses}.`,
  );
}

/**
 * A classifier as the engine takes it.
 * @throws `INVALID_ARGUMENT` where it is not one of `classes` classes over `dim` features
 */
export function classifierValues({ weight, bias }: Classifier, classes: number, dim: number): GlueClassifier {
  const fits = ({ data, shape }: Tensor, wanted: number[]) =>
    data instanceof Float32Array &&
    `${shape}` === `${wanted}` &&
    data.length === wanted.reduce((a, b) => a * b);
  if (fits(weight, [classes, dim]) && fits(bias, [classes])) return { weight: weight.data, bias: bias.data };
  throw new VitreousError(
    'INVALID_ARGUMENT',
    `A classifier of ${classes} classes has a weight of shape (${classes}, ${dim}) and a bias of shape (${classes}), not (${weight.shape}) and (${bias.shape}).`,
  );
}

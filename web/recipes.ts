/**
 * DINO's recipes on a model's features.
 * @packageDocumentation
 */
export { VitreousError } from './errors.js';

/**
 * Search by image.
 * @packageDocumentation
 */
export { VitreousError } from './errors.js';

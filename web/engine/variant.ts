import { VitreousError } from '../errors.js';

// The smallest modules with one instruction of each kind: () → v128, `v128.const` and `f32x4.relaxed_madd`.
const header = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const constant = [253, 12, ...new Array(16).fill(0)];
const probe = (body: number[]) =>
  WebAssembly.validate(new Uint8Array([...header, body.length + 4, 1, body.length + 2, 0, ...body, 11]));

/**
 * The fastest instructions that this engine runs. Feature detection, never user agents: a module with an unknown
 * instruction does not compile.
 */
export function chooseSimd(): 'simd' | 'relaxed' {
  if (!probe(constant)) {
    throw new VitreousError(
      'UNSUPPORTED',
      'This browser has no WebAssembly SIMD. Chrome 91, Firefox 89, Safari 16.4 and Node 16.4 have it.',
    );
  }
  return probe([...constant, ...constant, ...constant, 253, 133, 2]) ? 'relaxed' : 'simd';
}

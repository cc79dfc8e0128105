import { VitreousError } from '../errors.js';

// The smallest modules with these instructions: () → v128. A constant is `i32.const 0`, `i32x4.splat`.
const header = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const constant = [65, 0, 253, 17];
// Every relaxed instruction that the engine uses: WebKit's experiment has some of them and not the dot product.
const relaxed = [
  ...[...constant, ...constant, ...constant, 253, 133, 2], // f32x4.relaxed_madd
  ...[...constant, 253, 141, 2], // f32x4.relaxed_min
  ...[...constant, 253, 142, 2], // f32x4.relaxed_max
  ...[...constant, 253, 128, 2], // i8x16.relaxed_swizzle
  ...[...constant, 253, 146, 2], // i16x8.relaxed_dot_i8x16_i7x16_s
  ...[...constant, ...constant, 253, 147, 2], // i32x4.relaxed_dot_i8x16_i7x16_add_s
];
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
  return probe(relaxed) ? 'relaxed' : 'simd';
}

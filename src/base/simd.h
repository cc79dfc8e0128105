// Four floats at a time: SIMD128 in wasm, the machine's own vectors natively. The compiler's vector type has
// the arithmetic operators already; only memory and reduction need names.
#pragma once

#include <cstring>

namespace vitreous {

typedef float F32x4 __attribute__((vector_size(16)));

inline F32x4 load(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, F32x4 v) { std::memcpy(p, &v, sizeof v); }
inline F32x4 splat(float x) { return F32x4{x, x, x, x}; }
inline F32x4 min(F32x4 a, F32x4 b) { return a < b ? a : b; }
inline F32x4 max(F32x4 a, F32x4 b) { return a > b ? a : b; }

// a · b + c, rounded once where the CPU can.
inline F32x4 madd(F32x4 a, F32x4 b, F32x4 c) {
#if defined(__wasm_relaxed_simd__)
  return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
  return a * b + c;
#endif
}

inline float reduce_add(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

}  // namespace vitreous

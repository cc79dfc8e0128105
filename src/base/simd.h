// Four floats at a time: SIMD128 in wasm, the machine's own vectors natively. The compiler's vector type has the
// arithmetic operators already; only memory and reduction need names.
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
inline float reduce_add(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

}  // namespace vitreous

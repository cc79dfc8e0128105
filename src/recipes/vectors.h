// Dot products of embeddings.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/simd.h"

namespace vitreous {

// In float32: for finding candidates.
inline float dot(size_t n, const float* x, const float* y) {
  F32x4 sums[4] = {};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t j = 0; j < 4; ++j) sums[j] = madd(load(x + i + 4 * j), load(y + i + 4 * j), sums[j]);
  }
  float sum = reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// In float64, where the products of floats are exact.
inline double dot_double(size_t n, const float* x, const float* y) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += double(x[i + j]) * y[i + j];
  }
  for (; i < n; ++i) sums[0] += double(x[i]) * y[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// What torch.nn.functional.normalize multiplies by: no division by zero.
inline double inverse_norm(size_t n, const float* x) {
  return 1 / std::max(std::sqrt(dot_double(n, x, x)), 1e-12);
}

// x^p of x > 0; std::pow has tables of its own.
inline double power(double x, double p) { return std::exp(p * std::log(x)); }

inline void normalize(size_t n, float* x) {
  const double scale = inverse_norm(n, x);
  for (size_t i = 0; i < n; ++i) x[i] = float(x[i] * scale);
}

}  // namespace vitreous

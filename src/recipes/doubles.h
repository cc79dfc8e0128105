// Arithmetic on rows of float64, two at a time.
#pragma once

#include <cstddef>
#include <cstring>

namespace vitreous {

typedef double F64x2 __attribute__((vector_size(16)));

inline F64x2 load(const double* p) {
  F64x2 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(double* p, F64x2 v) { std::memcpy(p, &v, sizeof v); }

inline double dot(size_t n, const double* x, const double* y) {
  F64x2 even = {}, odd = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    even += load(x + i) * load(y + i);
    odd += load(x + i + 2) * load(y + i + 2);
  }
  even += odd;
  double sum = even[0] + even[1];
  for (; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// x += scale · y
inline void add(size_t n, double* x, double scale, const double* y) {
  size_t i = 0;
  for (; i + 2 <= n; i += 2) store(x + i, load(x + i) + scale * load(y + i));
  for (; i < n; ++i) x[i] += scale * y[i];
}

// (x, y) becomes (c x + s y, c y - s x).
inline void rotate(size_t n, double* x, double* y, double c, double s) {
  size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    const F64x2 xi = load(x + i), yi = load(y + i);
    store(x + i, c * xi + s * yi);
    store(y + i, c * yi - s * xi);
  }
  for (; i < n; ++i) {
    const double xi = x[i], yi = y[i];
    x[i] = c * xi + s * yi;
    y[i] = c * yi - s * xi;
  }
}

}  // namespace vitreous

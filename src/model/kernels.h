// XNNPACK's f32 microkernels, the ones that it chooses for this CPU.
//
// The operators of XNNPACK's API (fully-connected, batch matrix multiply, softmax, …) run these same kernels,
// each over a whole matrix and from memory to memory. The forward calls them itself on tiles that stay in
// cache, so that what follows a product (bias, GELU, residual, softmax) happens before its result leaves the
// cache, and attention needs no transposed copies.
#pragma once

#include <cstddef>

namespace vitreous {

// c = a · wᵀ + bias on tiles: up to mr() rows by any number of columns, whose weights are packed in panels of
// nr().
class GemmKernel {
 public:
  static constexpr size_t kMaxRows = 16;  // mr() is never more: for tiles on the stack

  static const GemmKernel& get();

  size_t mr() const { return mr_; }
  size_t nr() const { return nr_; }

  // a: `rows` ≤ mr() rows of k floats, `a_stride` floats apart. packed: of `cols` columns, from pack() or
  // laid out as panels of nr() columns, each [nr biases][k][nr]. c: rows × cols, `c_stride` floats apart.
  void run(size_t rows, size_t cols, size_t k, const float* a, size_t a_stride, const float* packed, float* c,
           size_t c_stride) const;

  // Floats that `cols` columns take when packed: whole panels.
  size_t packed_size(size_t cols, size_t k) const { return (cols + nr_ - 1) / nr_ * nr_ * (k + 1); }
  size_t panel_size(size_t k) const { return nr_ * (k + 1); }

  // weight: (cols, k), bias: (cols) → packed: packed_size(cols, k)
  void pack(size_t cols, size_t k, const float* weight, const float* bias, float* packed) const;
  // The way back.
  void unpack(size_t cols, size_t k, const float* packed, float* weight, float* bias) const;

 private:
  GemmKernel();
  size_t mr_, nr_;
};

// The largest of n ≥ 1 values.
float row_max(size_t n, const float* x);

// x[i] = exp(x[i] - max), in place; returns their sum.
float row_exp(size_t n, float* x, float max);

// x += y
void add(size_t n, float* x, const float* y);

}  // namespace vitreous

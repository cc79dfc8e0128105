// XNNPACK's operators as small RAII types: create once, then reshape → setup → run for each call.
//
// Everything is float32, row-major and contiguous. Inputs may be read a few bytes past their end: hand in Buffers.
#pragma once

#include <cstddef>
#include <memory>

#include "base/buffer.h"

struct xnn_operator;

namespace vitreous {

struct DeleteOperator {
  void operator()(xnn_operator* op) const;
};
using Operator = std::unique_ptr<xnn_operator, DeleteOperator>;

// torch.nn.Linear: y = x · weightᵀ + bias. The weights are packed for the kernel when created and not kept otherwise.
class Linear {
 public:
  Linear() = default;
  // weight: (out, in), bias: (out); throws OUT_OF_MEMORY
  Linear(size_t in, size_t out, const float* weight, const float* bias);

  // x: (rows, in) → y: (rows, out)
  void run(size_t rows, const float* x, float* y) const;
  explicit operator bool() const { return op_ != nullptr; }

 private:
  Operator op_;
};

// c = a · b for each of `batch` pairs of matrices; with transpose_b, c = a · bᵀ.
class BatchMatMul {
 public:
  explicit BatchMatMul(bool transpose_b);

  // a: (batch, m, k), b: (batch, k, n) or with transpose_b (batch, n, k) → c: (batch, m, n)
  void run(size_t batch, size_t m, size_t k, size_t n, const float* a, const float* b, float* c);

 private:
  Operator op_;
  Buffer workspace_;  // b, packed for the kernel; grows to the largest use
};

// torch.softmax over the last dimension, in place. x: (rows, n)
class Softmax {
 public:
  Softmax();
  void run(size_t rows, size_t n, float* x) const;

 private:
  Operator op_;
};

// torch.nn.functional.gelu with the exact erf, in place. x: (n)
void gelu(size_t n, float* x);

// x += y. (n)
void add(size_t n, float* x, const float* y);

}  // namespace vitreous

#pragma once

#include <cstddef>

#include "base/buffer.h"

namespace vitreous {

// What becomes of a linear layer's result while it is still in cache.
enum class Epilogue {
  kStore,      // y = x · weightᵀ + bias
  kGelu,       // y = gelu(x · weightᵀ + bias)
  kQuickGelu,  // y = quick_gelu(x · weightᵀ + bias)
  kAdd,        // y += x · weightᵀ + bias: the residual
};

// torch.nn.Linear in float32. The weights are packed for the kernel when created, and not kept otherwise.
class Linear {
 public:
  Linear() = default;
  // weight: (out, in), bias: (out)
  Linear(size_t in, size_t out, const float* weight, const float* bias);

  // x: (rows, in) → y: (rows, out). Spread over the threads by columns, so that each weight is read by one of
  // them.
  void run(size_t rows, const float* x, float* y, Epilogue epilogue = Epilogue::kStore) const;

  // The values it was made of: weight (out, in), bias (out).
  void unpack(float* weight, float* bias) const;

  size_t in() const { return in_; }
  size_t out() const { return out_; }
  explicit operator bool() const { return out_ > 0; }

 private:
  void run_columns(size_t first, size_t count, size_t rows, const float* x, float* y,
                   Epilogue epilogue) const;

  size_t in_ = 0, out_ = 0;
  Buffer packed_;
};

}  // namespace vitreous

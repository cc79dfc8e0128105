#pragma once

#include <cstddef>
#include <vector>

#include "model/layer_input.h"

namespace vitreous {

// torch.nn.LayerNorm over the last dimension: (x - mean) / sqrt(var + eps) * weight + bias, with the biased
// variance. XNNPACK has no such operator.
struct LayerNorm {
  std::vector<float> weight;  // (dim)
  std::vector<float> bias;    // (dim)
  float eps = 1e-6f;

  // x, y: (rows, dim); may be the same memory. `stride` is the distance between x's rows, in floats.
  void run(size_t rows, const float* x, size_t stride, float* y) const;
  void run(size_t rows, const float* x, float* y) const { run(rows, x, weight.size(), y); }
  // The same into the input of a linear layer: each row is quantized, if it is to be, while it is in cache.
  void run(size_t rows, const float* x, LayerInput& y) const;

  // x, y: (dim)
  void run_row(const float* x, float* y) const;
};

}  // namespace vitreous

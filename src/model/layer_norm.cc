#include "model/layer_norm.h"

#include <cmath>

#include "base/simd.h"

namespace vitreous {

// Two passes over a row that stays in cache: the variance of the differences from the mean loses no digits,
// which E[x²] - E[x]² would where a few channels are far from zero, as trained transformers have them.
void LayerNorm::run(size_t rows, const float* x, size_t stride, float* y) const {
  const size_t dim = weight.size();  // a multiple of 4: head_dim × heads
  for (size_t row = 0; row < rows; ++row, x += stride, y += dim) {
    F32x4 sum = splat(0.0f);
    for (size_t i = 0; i < dim; i += 4) sum = sum + load(x + i);
    const F32x4 mean = splat(reduce_add(sum) / static_cast<float>(dim));

    F32x4 squares = splat(0.0f);
    for (size_t i = 0; i < dim; i += 4) {
      const F32x4 d = load(x + i) - mean;
      squares = squares + d * d;
    }
    const float variance = reduce_add(squares) / static_cast<float>(dim);
    const F32x4 scale = splat(1.0f / std::sqrt(variance + eps));

    for (size_t i = 0; i < dim; i += 4) {
      store(y + i, (load(x + i) - mean) * scale * load(&weight[i]) + load(&bias[i]));
    }
  }
}

}  // namespace vitreous

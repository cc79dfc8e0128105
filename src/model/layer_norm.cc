#include "model/layer_norm.h"

#include <cmath>

#include "base/simd.h"
#include "base/thread_pool.h"

namespace vitreous {
namespace {

constexpr size_t kRowsAtOnce = 16;

}  // namespace

// Two passes over a row that stays in cache: the variance of the differences from the mean loses no digits,
// which E[x²] - E[x]² would where a few channels are far from zero, as trained transformers have them.
void LayerNorm::run_row(const float* x, float* y) const {
  const size_t dim = weight.size();  // a multiple of 4: head_dim × heads
  F32x4 sums[2] = {};
  for (size_t i = 0; i < dim; i += 4) sums[i / 4 % 2] = sums[i / 4 % 2] + load(x + i);
  const F32x4 mean = splat(reduce_add(sums[0] + sums[1]) / static_cast<float>(dim));

  F32x4 squares[2] = {};
  for (size_t i = 0; i < dim; i += 4) {
    const F32x4 d = load(x + i) - mean;
    squares[i / 4 % 2] = squares[i / 4 % 2] + d * d;
  }
  const float variance = reduce_add(squares[0] + squares[1]) / static_cast<float>(dim);
  const F32x4 scale = splat(1.0f / std::sqrt(variance + eps));

  for (size_t i = 0; i < dim; i += 4) {
    store(y + i, (load(x + i) - mean) * scale * load(&weight[i]) + load(&bias[i]));
  }
}

void LayerNorm::run(size_t rows, const float* x, size_t stride, float* y) const {
  parallel_for(rows, kRowsAtOnce, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) run_row(x + row * stride, y + row * weight.size());
  });
}

void LayerNorm::run(size_t rows, const float* x, LayerInput& y) const {
  parallel_for(rows, kRowsAtOnce, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      run_row(x + row * weight.size(), y.row(row));
      y.commit_row(row);
    }
  });
}

}  // namespace vitreous

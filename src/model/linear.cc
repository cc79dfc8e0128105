#include "model/linear.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "model/gelu.h"
#include "model/kernels.h"

namespace vitreous {
namespace {

// Columns are taken in blocks whose weights stay in the second-level cache while all rows pass over them: the
// forward reads each weight from memory once.
constexpr size_t kBlockBytes = 192 * 1024;
constexpr size_t kMaxColumns = 64;  // of a block

size_t block_columns(size_t in, size_t out) {
  const size_t nr = GemmKernel::get().nr();
  const size_t fit = std::min(kBlockBytes / (in * sizeof(float)), kMaxColumns) / nr * nr;
  // For every thread a few blocks, so that none waits long for the last one.
  const size_t share = out / (4 * thread_count()) / nr * nr;
  return std::max(nr, thread_count() == 1 ? fit : std::min(fit, share));
}

}  // namespace

Linear::Linear(size_t in, size_t out, const float* weight, const float* bias)
    : in_(in), out_(out), packed_(GemmKernel::get().packed_size(out, in)) {
  GemmKernel::get().pack(out, in, weight, bias, packed_.data());
}

void Linear::unpack(float* weight, float* bias) const {
  GemmKernel::get().unpack(out_, in_, packed_.data(), weight, bias);
}

void Linear::run(size_t rows, const float* x, float* y, Epilogue epilogue) const {
  parallel_for(out_, block_columns(in_, out_),
               [&](size_t first, size_t count) { run_columns(first, count, rows, x, y, epilogue); });
}

void Linear::run_columns(size_t first, size_t count, size_t rows, const float* x, float* y,
                         Epilogue epilogue) const {
  const GemmKernel& gemm = GemmKernel::get();
  const float* weights = packed_.data() + first / gemm.nr() * gemm.panel_size(in_);
  alignas(64) float tile[GemmKernel::kMaxRows * kMaxColumns];
  for (size_t row = 0; row < rows; row += gemm.mr()) {
    const size_t height = std::min(gemm.mr(), rows - row);
    const float* a = x + row * in_;
    float* c = y + row * out_ + first;
    if (epilogue == Epilogue::kStore) {
      gemm.run(height, count, in_, a, in_, weights, c, out_);
      continue;
    }
    gemm.run(height, count, in_, a, in_, weights, tile, count);
    if (epilogue == Epilogue::kGelu) gelu(height * count, tile);
    if (epilogue == Epilogue::kQuickGelu) quick_gelu(height * count, tile);
    for (size_t i = 0; i < height; ++i) {
      if (epilogue == Epilogue::kAdd) {
        add(count, c + i * out_, tile + i * count);
      } else {
        std::copy_n(tile + i * count, count, c + i * out_);
      }
    }
  }
}

}  // namespace vitreous

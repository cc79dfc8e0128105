#include "model/layer_input.h"

#include "base/thread_pool.h"

namespace vitreous {
namespace {

constexpr size_t kRowsAtOnce = 4;

}  // namespace

LayerInput::LayerInput(size_t rows, size_t in, float* floats, Arithmetic arithmetic)
    : in_(in), floats_(floats) {
  if (arithmetic == Arithmetic::kInt8) quantized_ = QuantizedRows(rows, in);
}

void LayerInput::commit_row(size_t row) {
  if (quantized_.rows() > 0) quantized_.set(row, floats_ + row * in_);
}

void LayerInput::commit(size_t rows) {
  if (quantized_.rows() == 0) return;
  parallel_for(rows, kRowsAtOnce, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) commit_row(row);
  });
}

}  // namespace vitreous

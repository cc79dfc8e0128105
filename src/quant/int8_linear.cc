#include "quant/int8_linear.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/simd.h"
#include "base/thread_pool.h"
#include "model/gelu.h"

namespace vitreous {
namespace {

// Rows that pass over a panel together: a photo's 197 tokens do. Their sums take 8 KB of the stack.
constexpr size_t kRowsAtOnce = 42 * kTileRows;

constexpr size_t kPanelsAtOnce = 2;  // of a thread: whole cache lines of y

F32x4 to_float(const int32_t* p) {
  typedef int32_t I32x4 __attribute__((vector_size(16)));
  I32x4 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, F32x4);
}

}  // namespace

Int8Linear::Int8Linear(size_t in, size_t out) : in_(in), out_(out) {
  if (in > size_t(INT32_MAX / (kWeightMax * kActivationMax))) {
    throw Error(code::kInvalidArgument,
                "A linear layer of " + std::to_string(in) + " inputs is too wide for int8: use dtype fp32.");
  }
  const size_t panels = (out + kPanelColumns - 1) / kPanelColumns;
  panels_ = std::make_unique<Panel[]>(panels);
  weights_ = std::make_unique<int8_t[]>(panels * panel_bytes(padded_depth(in)));
}

Int8Linear::Int8Linear(size_t in, size_t out, const float* weight, const float* bias) : Int8Linear(in, out) {
  const auto q = std::make_unique<int8_t[]>(padded_depth(in));
  for (size_t i = 0; i < out; ++i) {
    const float scale = quantize_weights(weight + i * in, in, q.get());
    set_channel(i, q.get(), scale, bias[i]);
  }
}

Int8Linear::Int8Linear(size_t in, size_t out, const Int8Weight& weight, const float* bias)
    : Int8Linear(in, out) {
  const auto q = std::make_unique<int8_t[]>(padded_depth(in));
  for (size_t i = 0; i < out; ++i) {
    std::copy_n(&weight.values[i * in], in, q.get());
    set_channel(i, q.get(), weight.scales[i], bias[i]);
  }
}

void Int8Linear::set_channel(size_t i, const int8_t* q, float scale, float bias) {
  const size_t column = i % kPanelColumns, depth = padded_depth(in_);
  Panel& panel = panels_[i / kPanelColumns];
  panel.scales[column] = scale;
  panel.biases[column] = bias;
  panel.sums[column] = 0;
  for (size_t k = 0; k < in_; ++k) panel.sums[column] += q[k];
  pack_column(q, depth, column, &weights_[i / kPanelColumns * panel_bytes(depth)]);
}

void Int8Linear::run(size_t rows, const QuantizedRows& x, float* y, Epilogue epilogue) const {
  parallel_for((out_ + kPanelColumns - 1) / kPanelColumns, kPanelsAtOnce, [&](size_t first, size_t count) {
    for (size_t panel = first; panel < first + count; ++panel) {
      for (size_t row = 0; row < rows; row += kRowsAtOnce) {
        run_panel(panel, row, std::min(rows - row, kRowsAtOnce), x, y, epilogue);
      }
    }
  });
}

void Int8Linear::run_panel(size_t index, size_t first_row, size_t rows, const QuantizedRows& x, float* y,
                           Epilogue epilogue) const {
  const Panel& panel = panels_[index];
  const size_t depth = padded_depth(in_), tiled_rows = (rows + kTileRows - 1) / kTileRows * kTileRows;
  alignas(16) int32_t sums[kRowsAtOnce * kPanelColumns];
  multiply_panel(x.form(), tiled_rows, depth, x.row(first_row), &weights_[index * panel_bytes(depth)],
                 panel.sums, sums);

  // sums · scale of the row · scale of the channel + bias
  alignas(16) float tile[kRowsAtOnce * kPanelColumns];
  for (size_t row = 0; row < rows; ++row) {
    const F32x4 scale = splat(x.scale(first_row + row));
    for (size_t i = 0; i < kPanelColumns; i += 4) {
      const F32x4 sum = to_float(&sums[row * kPanelColumns + i]);
      store(&tile[row * kPanelColumns + i], sum * scale * load(&panel.scales[i]) + load(&panel.biases[i]));
    }
  }
  if (epilogue == Epilogue::kGelu) gelu(rows * kPanelColumns, tile);
  if (epilogue == Epilogue::kQuickGelu) quick_gelu(rows * kPanelColumns, tile);

  const size_t column = index * kPanelColumns, columns = std::min(kPanelColumns, out_ - column);
  y += first_row * out_ + column;
  for (size_t row = 0; row < rows; ++row, y += out_) {
    float* result = &tile[row * kPanelColumns];
    if (columns == kPanelColumns) {
      for (size_t i = 0; i < kPanelColumns; i += 4) {
        store(y + i, epilogue == Epilogue::kAdd ? load(y + i) + load(result + i) : load(result + i));
      }
    } else {
      for (size_t i = 0; i < columns; ++i) y[i] = epilogue == Epilogue::kAdd ? y[i] + result[i] : result[i];
    }
  }
}

}  // namespace vitreous

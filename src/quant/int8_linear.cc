#include "quant/int8_linear.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/kernels.h"

namespace vitreous {
namespace {

// Rows that pass over a panel together: a photo's 197 tokens do. Their sums take 8 KB of the stack.
constexpr size_t kRowsAtOnce = 42 * kTileRows;

constexpr size_t kMaxPanels = 8;  // of a piece of work: 64 columns

// For every thread a few pieces, so that none waits long for the last one.
size_t panels_at_once(size_t panels) { return std::clamp<size_t>(panels / (4 * thread_count()), 1, kMaxPanels); }

}  // namespace

Int8Linear::Int8Linear(size_t in, size_t out, const float* weight, const float* bias) : in_(in), out_(out) {
  if (in > size_t(INT32_MAX / (kWeightMax * kActivationMax))) {
    throw Error(code::kInvalidArgument,
                "A linear layer of " + std::to_string(in) + " inputs is too wide for int8: use dtype fp32.");
  }
  const size_t panels = (out + kPanelColumns - 1) / kPanelColumns, depth = padded_depth(in);
  panels_ = std::make_unique<Panel[]>(panels);
  weights_ = std::make_unique<int8_t[]>(panels * panel_bytes(depth));
  const auto q = std::make_unique<int8_t[]>(depth);
  for (size_t i = 0; i < out; ++i) {
    Panel& panel = panels_[i / kPanelColumns];
    const size_t column = i % kPanelColumns;
    panel.scales[column] = quantize_weights(weight + i * in, in, q.get());
    panel.biases[column] = bias[i];
    panel.sums[column] = 0;
    for (size_t k = 0; k < in; ++k) panel.sums[column] += q[k];
    pack_column(q.get(), in, column, &weights_[i / kPanelColumns * panel_bytes(depth)]);
  }
}

void Int8Linear::run(size_t rows, const QuantizedRows& x, float* y, Epilogue epilogue) const {
  const size_t panels = (out_ + kPanelColumns - 1) / kPanelColumns;
  parallel_for(panels, panels_at_once(panels), [&](size_t first, size_t count) {
    for (size_t row = 0; row < rows; row += kRowsAtOnce) {
      const size_t some = std::min(rows - row, kRowsAtOnce);
      for (size_t panel = first; panel < first + count; ++panel) run_panel(panel, row, some, x, y, epilogue);
      if (epilogue != Epilogue::kGelu) continue;
      const size_t column = first * kPanelColumns, columns = std::min(count * kPanelColumns, out_ - column);
      for (size_t i = 0; i < some; ++i) gelu(columns, y + (row + i) * out_ + column);
    }
  });
}

// y = sums · scale of the row · scale of the channel + bias
void Int8Linear::run_panel(size_t index, size_t first_row, size_t rows, const QuantizedRows& x, float* y,
                           Epilogue epilogue) const {
  const Panel& panel = panels_[index];
  const size_t depth = padded_depth(in_), tiled_rows = (rows + kTileRows - 1) / kTileRows * kTileRows;
  alignas(16) int32_t sums[kRowsAtOnce * kPanelColumns];
  multiply_panel(x.form(), tiled_rows, depth, x.row(first_row), &weights_[index * panel_bytes(depth)], panel.sums, sums);

  const size_t column = index * kPanelColumns, columns = std::min(kPanelColumns, out_ - column);
  y += first_row * out_ + column;
  for (size_t row = 0; row < rows; ++row, y += out_) {
    float result[kPanelColumns];
    for (size_t i = 0; i < kPanelColumns; ++i) {
      result[i] = float(sums[row * kPanelColumns + i]) * x.scale(first_row + row) * panel.scales[i] + panel.biases[i];
    }
    if (epilogue == Epilogue::kAdd) {
      for (size_t i = 0; i < columns; ++i) y[i] += result[i];
    } else {
      std::copy_n(result, columns, y);
    }
  }
}

}  // namespace vitreous

// torch.nn.Linear with 8-bit weights and 12-bit activations. The integer sums are exact, and what follows
// them is the same for each element wherever it is computed: the result is the same in every engine and with
// any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "model/linear.h"
#include "quant/quantize.h"

namespace vitreous {

class Int8Linear {
 public:
  Int8Linear() = default;
  // weight: (out, in), bias: (out). The weights are quantized, packed and not kept otherwise.
  // Throws INVALID_ARGUMENT when `in` is so large that sums could overflow (8260).
  Int8Linear(size_t in, size_t out, const float* weight, const float* bias);
  // The same layer of integers that were quantized before: the same bits if they were so by quantize_weights.
  Int8Linear(size_t in, size_t out, const Int8Weight& weight, const float* bias);

  // The first `rows` rows of x, (rows, in) → y: (rows, out). Spread over the threads by columns, so that each
  // weight is read by one of them. Allocates nothing.
  void run(size_t rows, const QuantizedRows& x, float* y, Epilogue epilogue = Epilogue::kStore) const;

  size_t in() const { return in_; }
  size_t out() const { return out_; }
  explicit operator bool() const { return out_ > 0; }

 private:
  // What belongs to the kPanelColumns output channels of a panel; zeros where there are fewer.
  struct alignas(16) Panel {
    float scales[kPanelColumns];
    float biases[kPanelColumns];
    int32_t sums[kPanelColumns];  // of the weights
  };

  Int8Linear(size_t in, size_t out);
  // q: (padded_depth(in)), zeros behind the last
  void set_channel(size_t i, const int8_t* q, float scale, float bias);
  void run_panel(size_t panel, size_t first_row, size_t rows, const QuantizedRows& x, float* y,
                 Epilogue epilogue) const;

  size_t in_ = 0, out_ = 0;
  std::unique_ptr<Panel[]> panels_;
  std::unique_ptr<int8_t[]> weights_;  // (panels, panel_bytes(padded_depth(in)))
};

}  // namespace vitreous

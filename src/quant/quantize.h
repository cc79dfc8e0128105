// Numbers of 8 and 12 bits for the linear layers: weights symmetric per output channel, activations symmetric
// per token, q = round(x / scale) to nearest even with scale = max |x| / (127 or 2047). Where max |x| < 1e-30
// all is zero.
//
// What limits the accuracy are the weights' 8 bits: on the packaged model they take 4.2e-5 off the cosine to
// fp32, the 12 bits of the activations 3e-7. A search for the scale with the least squared error per channel
// gains nothing that shows (4.1e-5), so there is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "quant/int8_kernel.h"

namespace vitreous {

constexpr int kWeightMax = 127;       // 8 bits: -127 … 127
constexpr int kActivationMax = 2047;  // 12 bits: -2047 … 2047

// The weights of one output channel, w: (n) → q: (padded_depth(n)), zeros behind the last; returns the scale.
// All zero: scale 0.
float quantize_weights(const float* w, size_t n, int8_t* q);

// The weight of a linear layer, (out, in), quantized: what Int8Linear packs and what an int8 file holds.
struct Int8Weight {
  std::vector<int8_t> values;  // (out, in)
  std::vector<float> scales;   // (out)
};

// w: (out, in)
Int8Weight quantize_weight(size_t out, size_t in, const float* w);
// values · scales: (out, in)
std::vector<float> dequantize(const Int8Weight& weight);

// Activations for Int8Linear, with one scale per row (token). Planned once and refilled for each use.
class QuantizedRows {
 public:
  QuantizedRows() = default;
  // Room for (rows, in).
  QuantizedRows(size_t rows, size_t in, ActivationForm form = fastest_form());

  // Quantizes x: (in) into a row. Different threads may set different rows. A row with a NaN or an infinity
  // becomes NaN in the layer's result, as it would in fp32.
  void set(size_t row, const float* x);

  size_t rows() const { return rows_; }
  size_t in() const { return in_; }
  ActivationForm form() const { return form_; }
  float scale(size_t row) const { return scales_[row]; }
  // (padded_depth(in)) values in form(); whole tiles of kTileRows rows can be read from here.
  const int16_t* row(size_t row) const { return &values_[row * padded_depth(in_)]; }

 private:
  size_t rows_ = 0, in_ = 0;
  ActivationForm form_ = ActivationForm::kWords;
  std::unique_ptr<float[]> scales_;    // (rows)
  std::unique_ptr<int16_t[]> values_;  // (whole tiles of rows, padded_depth(in))
};

}  // namespace vitreous

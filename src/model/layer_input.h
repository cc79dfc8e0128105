#pragma once

#include <cstddef>

#include "model/config.h"
#include "quant/quantize.h"

namespace vitreous {

// What linear layers take: rows of float32 and, where the layers are int8, the same rows quantized.
class LayerInput {
 public:
  LayerInput() = default;
  // floats: (rows, in), memory of the caller's that outlives this.
  LayerInput(size_t rows, size_t in, float* floats, Arithmetic arithmetic);

  // (rows, in): to be written, and then committed row by row while it is in cache, or all at once.
  float* data() { return floats_; }
  const float* data() const { return floats_; }
  float* row(size_t row) { return floats_ + row * in_; }
  void commit_row(size_t row);
  void commit(size_t rows);

  const QuantizedRows& quantized() const { return quantized_; }

 private:
  size_t in_ = 0;
  float* floats_ = nullptr;
  QuantizedRows quantized_;
};

}  // namespace vitreous

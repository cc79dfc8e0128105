// A tensor's values as float32, from bytes that arrive in pieces of any size: what the readers of all
// checkpoint formats share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weights/dtype.h"

namespace vitreous {

// Memory is taken ahead of the bytes only up to this many values (16 MiB of floats), however many are
// announced; beyond, it grows with what arrives.
constexpr uint64_t kMaxReserved = uint64_t{4} << 20;  // the largest tensor of a ViT-L

class Values {
 public:
  // Forgets what was there.
  void begin(Dtype dtype, uint64_t count);

  // The next bytes of the tensor; a piece may end within an element.
  void append(std::span<const uint8_t> bytes);

  // Throws TENSOR_NOT_FINITE, naming the tensor, if a NaN or infinity has come.
  void check_finite(const std::string& tensor) const;

  const std::vector<float>& get() const { return values_; }
  std::vector<float> take();  // leaves nothing

 private:
  void convert(const uint8_t* bytes, size_t count);

  Dtype dtype_ = Dtype::kF32;
  std::vector<float> values_;
  size_t finite_ = 0;               // the values before the first NaN or infinity
  std::array<uint8_t, 4> carry_{};  // an element cut in two by the end of a piece
  size_t carried_ = 0;
};

// The same check for values that are already whole.
void check_finite(const std::vector<float>& values, const std::string& tensor);

}  // namespace vitreous

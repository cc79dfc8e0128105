// The element types a checkpoint may use, their exact conversion to float32, and the rounding to float16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vitreous {

// kOther: any type that is not converted (a PyTorch file's counters and masks); a tensor of it can only be
// skipped.
enum class Dtype { kF32, kF16, kBF16, kI8, kOther };

// By safetensors' names "F32", "F16", "BF16", "I8"; nothing for any other name.
std::optional<Dtype> parse_dtype(std::string_view name);
const char* dtype_name(Dtype dtype);
size_t item_size(Dtype dtype);  // bytes per element; of kOther, which is counted in bytes, 1

// Converts `count` little-endian elements at `bytes` (no alignment needed) to float32. Every value of the
// four types, subnormals included, is a float32, so nothing is rounded; NaN stays NaN and keeps its payload.
void to_float32(Dtype dtype, const uint8_t* bytes, float* out, size_t count);

constexpr float kMaxF16 = 65504;

// Rounds `count` values, |x| <= kMaxF16, to little-endian float16 at `bytes`, to nearest even: the bits of
// numpy's astype('<f2').
void to_float16(const float* values, uint8_t* bytes, size_t count);

// The index of the first NaN or infinity, or `count` when there is none.
size_t first_not_finite(const float* values, size_t count);

}  // namespace vitreous

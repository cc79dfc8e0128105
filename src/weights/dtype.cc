#include "weights/dtype.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vitreous {
namespace {

static_assert(std::endian::native == std::endian::little,
              "checkpoints are little-endian and copied as they are");

constexpr uint32_t kExponentMask = 0x7f800000;  // all ones: NaN or infinity

bool is_not_finite(float value) { return (std::bit_cast<uint32_t>(value) & kExponentMask) == kExponentMask; }

// Normal values only need their exponent's bias moved from 15 to 127; the largest exponent (infinity, NaN)
// moves to the largest again. A subnormal's fraction counts units of 2^-24, which is the last bit of a float
// between 0.5 and 1. Integers and selects only, so that the loop below vectorises, and no float32 subnormals,
// which processors are slow at.
float f16_to_float32(uint16_t half) {
  constexpr uint32_t kBias = (127 - 15) << 23;
  const uint32_t magnitude = half & 0x7fff, sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t normal = (magnitude << 13) + kBias + (magnitude >= 0x7c00 ? kBias : 0);
  const float subnormal = std::bit_cast<float>(magnitude | std::bit_cast<uint32_t>(0.5f)) - 0.5f;
  return std::bit_cast<float>(sign | (magnitude < 0x0400 ? std::bit_cast<uint32_t>(subnormal) : normal));
}

float bf16_to_float32(uint16_t upper_half) {
  return std::bit_cast<float>(static_cast<uint32_t>(upper_half) << 16);
}

// Normal values: the bias moves from 127 to 15 and 13 bits of the fraction are rounded away, to nearest even
// by adding half of their range less one, and the one where the last bit kept is odd. A carry moves on into
// the exponent, as it should. Below 2^-14, adding 0.5 rounds in the float's own addition: the last bit of a
// float between 0.5 and 1 counts 2^-24, as a subnormal's fraction does.
uint16_t float32_to_f16(float value) {
  constexpr uint32_t kBias = (127 - 15) << 23, kSmallestNormal = (127 - 14) << 23;
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude - kBias + 0x0fff + (magnitude >> 13 & 1)) >> 13;
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  return static_cast<uint16_t>((bits >> 16 & 0x8000) | (magnitude < kSmallestNormal ? subnormal : normal));
}

template <float (*Convert)(uint16_t)>
void convert_16_bit(const uint8_t* bytes, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t item;
    std::memcpy(&item, bytes + 2 * i, 2);
    out[i] = Convert(item);
  }
}

}  // namespace

std::optional<Dtype> parse_dtype(std::string_view name) {
  for (Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kI8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return std::nullopt;
}

const char* dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "F32";
    case Dtype::kF16:
      return "F16";
    case Dtype::kBF16:
      return "BF16";
    case Dtype::kI8:
      return "I8";
    case Dtype::kOther:
      break;
  }
  return "other";
}

size_t item_size(Dtype dtype) {
  return dtype == Dtype::kF32 ? 4 : dtype == Dtype::kI8 || dtype == Dtype::kOther ? 1 : 2;
}

void to_float32(Dtype dtype, const uint8_t* bytes, float* out, size_t count) {
  if (count == 0) return;  // memcpy allows no null pointers, not even for no bytes
  switch (dtype) {
    case Dtype::kF32:
      std::memcpy(out, bytes, count * sizeof(float));
      break;
    case Dtype::kF16:
      convert_16_bit<f16_to_float32>(bytes, out, count);
      break;
    case Dtype::kBF16:
      convert_16_bit<bf16_to_float32>(bytes, out, count);
      break;
    case Dtype::kI8:
      std::transform(bytes, bytes + count, out, [](uint8_t byte) { return float(int8_t(byte)); });
      break;
    case Dtype::kOther:  // refused before a value of it is looked at
      break;
  }
}

void to_float16(const float* values, uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t half = float32_to_f16(values[i]);
    std::memcpy(bytes + 2 * i, &half, 2);
  }
}

size_t first_not_finite(const float* values, size_t count) {
  // The whole block first, without a branch per value (this vectorises); only a hit is worth the search.
  uint32_t any = 0;
  for (size_t i = 0; i < count; ++i) any |= is_not_finite(values[i]);
  if (!any) return count;
  size_t index = 0;
  while (!is_not_finite(values[index])) ++index;
  return index;
}

}  // namespace vitreous

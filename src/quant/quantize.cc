#include "quant/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/simd.h"

namespace vitreous {
namespace {

typedef int32_t I32x4 __attribute__((vector_size(16)));
typedef int16_t I16x8 __attribute__((vector_size(16)));

// The largest |x|; not finite when any x is not. Found among the bits, whose order is that of the magnitudes
// with infinity and NaN above them.
float largest(const float* x, size_t n) {
  constexpr int32_t kMagnitude = 0x7FFFFFFF;
  I32x4 most = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const I32x4 bits = std::bit_cast<I32x4>(load(x + i)) & kMagnitude;
    most = bits > most ? bits : most;
  }
  int32_t result = std::max(std::max(most[0], most[1]), std::max(most[2], most[3]));
  for (; i < n; ++i) result = std::max(result, std::bit_cast<int32_t>(x[i]) & kMagnitude);
  return std::bit_cast<float>(result);
}

struct Scale {
  float scale, inverse;
};

Scale scale_for(float most, int limit) {
  constexpr float kSmallest = 1e-30f;  // of which the inverse scale is still finite
  if (most < kSmallest) return {0.0f, 0.0f};
  return {most / float(limit), float(limit) / most};
}

// Eight values to nearest even, for |x| < 2¹⁵: where 2²³ + 2²² is added, the last bit of the sum is worth 1,
// and the low 16 bits are the integer.
I16x8 round(const float* x, F32x4 inverse_scale) {
  const F32x4 shift = splat(12582912.0f);
  const auto low = std::bit_cast<I32x4>(load(x) * inverse_scale + shift);
  const auto high = std::bit_cast<I32x4>(load(x + 4) * inverse_scale + shift);
  return __builtin_convertvector(__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7), I16x8);
}

// Calls store(i, q) for every eight of the n values, zeros behind the last.
template <typename Store>
void quantize(const float* x, size_t n, float inverse_scale, const Store& store) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) store(i, round(x + i, splat(inverse_scale)));
  if (i == n) return;
  float rest[8] = {};
  std::copy(x + i, x + n, rest);
  store(i, round(rest, splat(inverse_scale)));
}

void store_halves(I16x8 q, uint8_t* high, uint8_t* low) {
  typedef uint8_t U8x16 __attribute__((vector_size(16)));
  q += 2048;
  const auto halves =
      __builtin_shufflevector(q >> 6, q & 63, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const U8x16 bytes = __builtin_convertvector(halves, U8x16);
  std::memcpy(high, &bytes, 8);
  std::memcpy(low, reinterpret_cast<const uint8_t*>(&bytes) + 8, 8);
}

}  // namespace

float quantize_weights(const float* w, size_t n, int8_t* q) {
  const Scale scale = scale_for(largest(w, n), kWeightMax);
  quantize(w, n, scale.inverse, [&](size_t i, I16x8 values) {
    typedef int8_t I8x8 __attribute__((vector_size(8)));
    const I8x8 bytes = __builtin_convertvector(values, I8x8);
    std::memcpy(q + i, &bytes, sizeof bytes);
  });
  return scale.scale;
}

Int8Weight quantize_weight(size_t out, size_t in, const float* w) {
  Int8Weight weight{std::vector<int8_t>(out * in), std::vector<float>(out)};
  std::vector<int8_t> channel(padded_depth(in));
  for (size_t i = 0; i < out; ++i) {
    weight.scales[i] = quantize_weights(w + i * in, in, channel.data());
    std::copy_n(channel.data(), in, &weight.values[i * in]);
  }
  return weight;
}

std::vector<float> dequantize(const Int8Weight& weight) {
  std::vector<float> w(weight.values.size());
  const size_t out = weight.scales.size(), in = w.size() / out;
  for (size_t i = 0; i < out; ++i) {
    for (size_t k = i * in; k < (i + 1) * in; ++k) w[k] = float(weight.values[k]) * weight.scales[i];
  }
  return w;
}

QuantizedRows::QuantizedRows(size_t rows, size_t in, ActivationForm form)
    : rows_(rows),
      in_(in),
      form_(form),
      scales_(std::make_unique<float[]>(rows)),
      values_(
          std::make_unique<int16_t[]>((rows + kTileRows - 1) / kTileRows * kTileRows * padded_depth(in))) {}

void QuantizedRows::set(size_t row, const float* x) {
  const size_t depth = padded_depth(in_);
  int16_t* values = &values_[row * depth];
  const float most = largest(x, in_);
  if (!std::isfinite(most)) {
    scales_[row] = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  const Scale scale = scale_for(most, kActivationMax);
  scales_[row] = scale.scale;
  if (form_ == ActivationForm::kWords) {
    quantize(x, in_, scale.inverse, [&](size_t i, I16x8 q) { std::memcpy(values + i, &q, sizeof q); });
  } else {
    uint8_t* high = reinterpret_cast<uint8_t*>(values);
    uint8_t* low = high + depth;
    quantize(x, in_, scale.inverse, [&](size_t i, I16x8 q) { store_halves(q, high + i, low + i); });
  }
}

}  // namespace vitreous

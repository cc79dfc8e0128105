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

// Smaller rows count as zeros: the inverse of their scale would not be finite.
constexpr float kSmallest = 1e-30f;

// The largest |x|; not finite when any x is not. Found among the bits, whose order is that of the magnitudes with
// infinity and NaN above them.
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

// To nearest even, for |x| < 2²²: where 2²³ + 2²² is added, the last bit of the sum is worth 1.
I32x4 round(F32x4 x) {
  constexpr float kShift = 12582912.0f;
  return std::bit_cast<I32x4>(x + kShift) - std::bit_cast<int32_t>(kShift);
}

// Calls store(i, q) for every four of the n values, zeros behind the last.
template <typename Store>
void quantize(const float* x, size_t n, float inverse_scale, const Store& store) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) store(i, round(load(x + i) * inverse_scale));
  if (i == n) return;
  float rest[4] = {};
  std::copy(x + i, x + n, rest);
  store(i, round(load(rest) * inverse_scale));
}

template <typename T>
void store_as(I32x4 q, T* to) {
  typedef T Narrow __attribute__((vector_size(4 * sizeof(T))));
  const Narrow narrow = __builtin_convertvector(q, Narrow);
  std::memcpy(to, &narrow, sizeof narrow);
}

}  // namespace

float quantize_weights(const float* w, size_t n, int8_t* q) {
  const float most = largest(w, n);
  const float inverse_scale = most < kSmallest ? 0.0f : float(kWeightMax) / most;
  quantize(w, n, inverse_scale, [&](size_t i, I32x4 values) { store_as(values, q + i); });
  return most < kSmallest ? 0.0f : most / float(kWeightMax);
}

QuantizedRows::QuantizedRows(size_t rows, size_t in, ActivationForm form)
    : rows_(rows),
      in_(in),
      form_(form),
      scales_(std::make_unique<float[]>(rows)),
      values_(std::make_unique<int16_t[]>((rows + kTileRows - 1) / kTileRows * kTileRows * padded_depth(in))) {}

void QuantizedRows::set(size_t row, const float* x) {
  const size_t depth = padded_depth(in_);
  int16_t* values = &values_[row * depth];
  const float most = largest(x, in_);
  if (!std::isfinite(most)) {
    scales_[row] = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  scales_[row] = most < kSmallest ? 0.0f : most / float(kActivationMax);
  const float inverse_scale = most < kSmallest ? 0.0f : float(kActivationMax) / most;
  if (form_ == ActivationForm::kWords) {
    quantize(x, in_, inverse_scale, [&](size_t i, I32x4 q) { store_as(q, values + i); });
  } else {
    uint8_t* high = reinterpret_cast<uint8_t*>(values);
    uint8_t* low = high + depth;
    quantize(x, in_, inverse_scale, [&](size_t i, I32x4 q) {
      q += 2048;
      store_as(q >> 6, high + i);
      store_as(q & 63, low + i);
    });
  }
}

}  // namespace vitreous

#include "weights/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace vitreous {
namespace {

constexpr uint32_t kCount = 65536;

// All 65,536 values of a 16-bit type, converted.
std::vector<float> all_values(Dtype dtype) {
  std::vector<uint16_t> items(kCount);
  std::iota(items.begin(), items.end(), uint16_t{0});
  std::vector<float> values(kCount);
  to_float32(dtype, reinterpret_cast<const uint8_t*>(items.data()), values.data(), kCount);
  return values;
}

// Depends on every bit and on the order. All NaNs count as the same: processors may make them quiet.
uint64_t checksum(const std::vector<float>& values) {
  uint64_t sum = 0, position = 0;
  for (float value : values)
    sum += ++position * (std::isnan(value) ? 0x7fc00000u : std::bit_cast<uint32_t>(value));
  return sum;
}

// import numpy as np, torch
// def checksum(b):
//   b = np.where((b & 0x7fffffff) > 0x7f800000, 0x7fc00000, b).astype('u8')
//   return (b * np.arange(1, 65537, dtype='u8')).sum()
// checksum(np.arange(65536, dtype='u2').view('f2').astype('f4').view('u4'))
TEST(Dtype, EveryF16IsNumpysValue) { EXPECT_EQ(checksum(all_values(Dtype::kF16)), 5763131034233208832u); }

// checksum(torch.from_numpy(np.arange(65536,
// dtype='u2').view('i2')).view(torch.bfloat16).float().numpy().view('u4'))
TEST(Dtype, EveryBF16IsTorchsValue) { EXPECT_EQ(checksum(all_values(Dtype::kBF16)), 6131058188427984896u); }

// IEEE 754-2008, 3.4: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
TEST(Dtype, EveryF16FollowsItsDefinition) {
  const std::vector<float> values = all_values(Dtype::kF16);
  for (uint32_t bits = 0; bits < kCount; ++bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) {
      expected =
          fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    }
    ASSERT_EQ(std::isnan(values[bits]), std::isnan(expected)) << bits;
    ASSERT_EQ(std::signbit(values[bits]), bits >> 15 == 1) << bits;
    if (std::isnan(expected)) continue;
    ASSERT_EQ(std::abs(values[bits]), expected) << bits;
  }
}

TEST(Dtype, EveryI8IsItsInteger) {
  std::vector<uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::vector<float> values(256);
  to_float32(Dtype::kI8, bytes.data(), values.data(), 256);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(values[size_t(i)], i < 128 ? i : i - 256);
}

TEST(Dtype, RoundingAnF16IsTheIdentity) {
  for (uint32_t sign : {0u, 0x8000u}) {
    for (uint32_t magnitude = 0; magnitude < 0x7c00; ++magnitude) {
      const uint16_t half = uint16_t(sign | magnitude);
      uint16_t rounded;
      float value;
      to_float32(Dtype::kF16, reinterpret_cast<const uint8_t*>(&half), &value, 1);
      to_float16(&value, reinterpret_cast<uint8_t*>(&rounded), 1);
      ASSERT_EQ(rounded, half);
    }
  }
}

// Between every two neighbours: the ends, the tie, and the floats next to each of them, in both signs.
// h = np.arange(0x7c00, dtype='u2').view('f2').astype('f4'); lo, hi = h[:-1], h[1:]
// mid = ((lo.astype('f8') + hi) / 2).astype('f4')
// up, down = (lambda x: np.nextafter(x, np.float32(np.inf))), (lambda x: np.nextafter(x,
// np.float32(-np.inf))) x = np.stack([lo, up(lo), down(mid), mid, up(mid), down(hi)], 1).ravel(); x =
// np.concatenate([x, -x]) b = x.astype('f2').view('u2').astype('u8'); (b * np.arange(1, len(b) + 1,
// dtype='u8')).sum()
TEST(Dtype, F16IsRoundedAsByNumpy) {
  std::vector<float> x;
  for (uint16_t half = 0; half < 0x7bff; ++half) {
    const uint16_t ends[2] = {half, uint16_t(half + 1)};
    float h[2];
    to_float32(Dtype::kF16, reinterpret_cast<const uint8_t*>(ends), h, 2);
    const float mid = (h[0] + h[1]) / 2;
    for (float value : {h[0], std::nextafter(h[0], 1e9f), std::nextafter(mid, -1e9f), mid,
                        std::nextafter(mid, 1e9f), std::nextafter(h[1], -1e9f)}) {
      x.push_back(value);
    }
  }
  const size_t count = x.size();
  for (size_t i = 0; i < count; ++i) x.push_back(-x[i]);
  std::vector<uint8_t> bytes(2 * x.size());
  to_float16(x.data(), bytes.data(), x.size());
  uint64_t sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += uint64_t{i + 1} * (bytes[2 * i] + 256u * bytes[2 * i + 1]);
  EXPECT_EQ(x.size(), 380916u);
  EXPECT_EQ(sum, 3126314450517974u);
}

TEST(Dtype, ReadsFromAnyAddress) {
  const uint8_t bytes[] = {0xff, 0x00, 0x3c, 0x00, 0xc0, 0xff};  // f16 1 and -2, and guards
  float values[3] = {0, 0, 9};
  to_float32(Dtype::kF16, bytes + 1, values, 2);
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(values[1], -2);
  EXPECT_EQ(values[2], 9);
}

TEST(Dtype, NamesAndSizes) {
  EXPECT_EQ(parse_dtype("F32"), Dtype::kF32);
  EXPECT_EQ(parse_dtype("F16"), Dtype::kF16);
  EXPECT_EQ(parse_dtype("BF16"), Dtype::kBF16);
  EXPECT_EQ(parse_dtype("I8"), Dtype::kI8);
  for (const char* other : {"", "f32", "F64", "F8_E4M3", "F32 "})
    EXPECT_EQ(parse_dtype(other), std::nullopt) << other;
  EXPECT_EQ(item_size(Dtype::kF32), 4u);
  EXPECT_EQ(item_size(Dtype::kF16), 2u);
  EXPECT_EQ(item_size(Dtype::kBF16), 2u);
  EXPECT_EQ(item_size(Dtype::kI8), 1u);
}

TEST(Dtype, FirstNotFinite) {
  std::vector<float> values(100, std::numeric_limits<float>::max());
  values[3] = -std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(first_not_finite(values.data(), values.size()), values.size());
  EXPECT_EQ(first_not_finite(nullptr, 0), 0u);
  for (float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                    std::numeric_limits<float>::quiet_NaN(), std::bit_cast<float>(0xff800001u)}) {
    for (size_t at = 0; at < values.size(); ++at) {
      std::vector<float> copy = values;
      copy[at] = bad;
      copy.back() = bad;  // the first counts
      ASSERT_EQ(first_not_finite(copy.data(), copy.size()), at);
    }
  }
}

}  // namespace
}  // namespace vitreous

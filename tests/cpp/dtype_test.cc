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
  for (const char* other : {"", "f32", "F64", "F8_E4M3", "F32 "})
    EXPECT_EQ(parse_dtype(other), std::nullopt) << other;
  EXPECT_EQ(item_size(Dtype::kF32), 4u);
  EXPECT_EQ(item_size(Dtype::kF16), 2u);
  EXPECT_EQ(item_size(Dtype::kBF16), 2u);
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

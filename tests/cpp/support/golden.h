// Compares results with the goldens that timm made: EXPECT_TRUE(matches_golden("MODEL/forward", values,
// 1e-4)).
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "npy.h"

#ifndef VITREOUS_GOLDENS_DIR
#error "define VITREOUS_GOLDENS_DIR as the path of tests/goldens"
#endif

namespace vitreous::test {

inline std::string golden_path(const std::string& name) {
  return std::string(VITREOUS_GOLDENS_DIR "/") + name;
}

inline const char kRegenerate[] =
    "If timm's result changed: python tests/oracle/make_all.py makes the goldens anew.";

// Where two arrays differ most; a NaN on either side counts as an infinite difference.
struct MaxDiff {
  double difference = 0;
  std::size_t index = 0;
  double actual = 0, expected = 0;
};

// `period` > 0 compares modulo the period: 1 where the golden keeps only the fraction.
template <typename A, typename E>
MaxDiff max_abs_diff(std::span<const A> actual, std::span<const E> expected, double unit = 1,
                     double period = 0) {
  MaxDiff most;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]) * unit;
    double d = std::abs(period > 0 ? std::remainder(a - e, period) : a - e);
    if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
    if (i == 0 || d > most.difference) most = {d, i, a, e};
  }
  return most;
}

inline testing::AssertionResult within(const MaxDiff& most, double tolerance, const std::string& what) {
  if (most.difference <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << what << ": differs by " << most.difference << " (tolerance "
                                     << tolerance << ") at index " << most.index << ": " << most.actual
                                     << ", golden " << most.expected << ". " << kRegenerate;
}

inline testing::AssertionResult same_size(std::size_t actual, std::size_t expected, const std::string& what) {
  if (actual == expected) return testing::AssertionSuccess();
  return testing::AssertionFailure() << what << ": " << actual << " values, the golden has " << expected
                                     << ". " << kRegenerate;
}

// Every value within `tolerance` (absolute) of the golden NAME.npy of float32; the shape is the caller's to
// know.
inline testing::AssertionResult matches_golden(const std::string& name, std::span<const float> actual,
                                               double tolerance) {
  const auto golden = read_npy<float>(golden_path(name + ".npy"));
  if (auto size = same_size(actual.size(), golden.data.size(), name); !size) return size;
  return within(max_abs_diff<float, float>(actual, golden.data), tolerance, name);
}

// The output of one block, image 0, against the MODEL/blocks_* goldens: every value modulo 1, and the whole
// numbers by each token's L2 norm. The golden's own rounding (2^-17) is added to the tolerance of the values.
// A token's norm moves by at most the norm of its errors, √dim · tolerance.
inline testing::AssertionResult matches_golden_block(const std::string& model, std::size_t block,
                                                     std::span<const float> actual, double tolerance) {
  const auto fractions = read_npy<std::uint16_t>(golden_path(model + "/blocks_fraction16.npy"));
  const auto norms = read_npy<float>(golden_path(model + "/blocks_token_norms.npy"));
  const std::size_t tokens = fractions.shape.at(1), dim = fractions.shape.at(2), size = tokens * dim;
  const std::string what = model + " block " + std::to_string(block);
  if (auto same = same_size(actual.size(), size, what); !same) return same;

  const std::span<const std::uint16_t> golden(fractions.data.data() + block * size, size);
  const MaxDiff values = max_abs_diff(actual, golden, 0x1p-16, 1.0);
  if (auto ok = within(values, tolerance + 0x1p-17, what + " (modulo 1)"); !ok) return ok;

  std::vector<double> actual_norms(tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    double sum = 0;
    for (float x : actual.subspan(t * dim, dim)) sum += double{x} * double{x};
    actual_norms[t] = std::sqrt(sum);
  }
  const std::span<const float> golden_norms(norms.data.data() + block * tokens, tokens);
  const MaxDiff most = max_abs_diff<double, float>(actual_norms, golden_norms);
  return within(most, tolerance * std::sqrt(static_cast<double>(dim)), what + ": norm of a token");
}

}  // namespace vitreous::test

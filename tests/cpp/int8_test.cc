// The int8 linear layer: exact against plain loops over integers in both forms of its activations, within the
// bound of its quantization against fp32, and the same however it is divided.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "model/gelu.h"
#include "quant/int8_kernel.h"
#include "quant/int8_linear.h"
#include "quant/quantize.h"
#include "support/allocations.h"
#include "support/generated.h"

namespace vitreous::test {
namespace {

constexpr ActivationForm kForms[] = {ActivationForm::kWords, ActivationForm::kHalves};

std::vector<float> random(const std::string& name, size_t count) {
  return generate("input." + name, {count});
}

// One quantized value, read back from its form.
int value(const QuantizedRows& rows, size_t row, size_t k) {
  if (rows.form() == ActivationForm::kWords) return rows.row(row)[k];
  const auto* high = reinterpret_cast<const uint8_t*>(rows.row(row));
  return 64 * high[k] + high[padded_depth(rows.in()) + k] - 2048;
}

QuantizedRows quantized(size_t rows, size_t in, const float* x, ActivationForm form) {
  QuantizedRows result(rows, in, form);
  for (size_t row = 0; row < rows; ++row) result.set(row, x + row * in);
  return result;
}

std::vector<float> run(const Int8Linear& linear, const QuantizedRows& x,
                       Epilogue epilogue = Epilogue::kStore) {
  std::vector<float> y(x.rows() * linear.out());
  linear.run(x.rows(), x, y.data(), epilogue);
  return y;
}

// Symmetric quantization: scale = max |x| / limit, round to nearest even (the default rounding mode).
struct Reference {
  Reference(const float* x, size_t n, int limit) : q(n) {
    float most = 0;
    for (size_t i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
    scale = most / float(limit);
    for (size_t i = 0; i < n; ++i) q[i] = int(std::nearbyint(double(x[i] * (float(limit) / most))));
  }
  float scale;
  std::vector<int> q;
};

TEST(Quantize, RowsAgainstReference) {
  for (const ActivationForm form : kForms) {
    for (const size_t n : {1u, 3u, 7u, 8u, 9u, 17u, 768u, 3071u}) {
      const std::vector<float> x = random("x", 2 * n);
      const QuantizedRows rows = quantized(2, n, x.data(), form);
      for (size_t row = 0; row < 2; ++row) {
        const Reference expected(&x[row * n], n, 2047);
        EXPECT_EQ(rows.scale(row), expected.scale);
        for (size_t k = 0; k < n; ++k)
          ASSERT_EQ(value(rows, row, k), expected.q[k]) << n << ": " << row << ", " << k;
      }
    }
  }
}

TEST(Quantize, TiesGoToTheEvenNumber) {
  const std::vector<float> x = {2047,  0.5f,    1.5f,    2.5f,  -0.5f,   -1.5f,
                                -2.5f, 1023.5f, 1024.5f, -0.0f, -2046.5f};
  const int expected[] = {2047, 0, 2, 2, 0, -2, -2, 1024, 1024, 0, -2046};
  for (const ActivationForm form : kForms) {
    const QuantizedRows rows = quantized(1, x.size(), x.data(), form);
    EXPECT_EQ(rows.scale(0), 1.0f);
    for (size_t k = 0; k < x.size(); ++k) EXPECT_EQ(value(rows, 0, k), expected[k]) << x[k];
  }
}

TEST(Quantize, ZerosDenormalsAndHugeValues) {
  using Limits = std::numeric_limits<float>;
  const size_t in = 9;
  std::vector<float> zeros(in), denormals(in, -Limits::denorm_min()), tiny(in, 9e-31f),
      huge(in, -Limits::max());
  huge[8] = Limits::max();
  huge[3] = 1;
  for (const ActivationForm form : kForms) {
    QuantizedRows rows(4, in, form);
    for (size_t row = 0; row < 4; ++row) rows.set(row, random("before", in).data());
    rows.set(0, zeros.data());
    rows.set(1, denormals.data());
    rows.set(2, tiny.data());
    rows.set(3, huge.data());
    for (size_t row = 0; row < 3; ++row) {
      EXPECT_EQ(rows.scale(row), 0.0f);
      for (size_t k = 0; k < in; ++k) EXPECT_EQ(value(rows, row, k), 0);
    }
    EXPECT_EQ(rows.scale(3), Limits::max() / 2047);
    for (size_t k = 0; k < in; ++k) EXPECT_EQ(value(rows, 3, k), k == 8 ? 2047 : k == 3 ? 0 : -2047);
  }
}

TEST(Quantize, WeightsAgainstReference) {
  for (const size_t n : {1u, 7u, 8u, 13u, 768u}) {
    const std::vector<float> w = random("w", n);
    std::vector<int8_t> q(padded_depth(n), 99);
    const Reference expected(w.data(), n, 127);
    EXPECT_EQ(quantize_weights(w.data(), n, q.data()), expected.scale);
    for (size_t k = 0; k < q.size(); ++k) EXPECT_EQ(q[k], k < n ? expected.q[k] : 0) << n << ": " << k;
  }
  std::vector<int8_t> q(8, 99);
  EXPECT_EQ(quantize_weights(std::vector<float>(8).data(), 8, q.data()), 0.0f);
  EXPECT_EQ(q, std::vector<int8_t>(8));
}

// Σ x·w with the integers themselves, laid out here and not by QuantizedRows.
void expect_exact(ActivationForm form, size_t rows, size_t depth, const std::vector<int>& x,
                  const std::vector<int>& w) {
  std::vector<int16_t> storage(rows * depth);
  for (size_t row = 0; row < rows; ++row) {
    auto* high = reinterpret_cast<uint8_t*>(&storage[row * depth]);
    for (size_t k = 0; k < depth; ++k) {
      const int q = x[row * depth + k];
      if (form == ActivationForm::kWords) {
        storage[row * depth + k] = int16_t(q);
      } else {
        high[k] = uint8_t((q + 2048) / 64);
        high[depth + k] = uint8_t((q + 2048) % 64);
      }
    }
  }
  std::vector<int8_t> panel(panel_bytes(depth));
  alignas(16) int32_t column_sums[kPanelColumns] = {};
  for (size_t column = 0; column < kPanelColumns; ++column) {
    const std::vector<int8_t> q(&w[column * depth], &w[column * depth] + depth);
    pack_column(q.data(), depth, column, panel.data());
    for (const int8_t weight : q) column_sums[column] += weight;
  }
  std::vector<int32_t> sums(rows * kPanelColumns, -1);
  multiply_panel(form, rows, depth, storage.data(), panel.data(), column_sums, sums.data());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < kPanelColumns; ++column) {
      int64_t expected = 0;
      for (size_t k = 0; k < depth; ++k) expected += int64_t{x[row * depth + k]} * w[column * depth + k];
      ASSERT_EQ(sums[row * kPanelColumns + column], expected)
          << (form == ActivationForm::kWords ? "words" : "halves") << ", depth " << depth << ": " << row
          << ", " << column;
    }
  }
}

TEST(Int8Kernel, SumsAreExact) {
  for (const ActivationForm form : kForms) {
    for (const size_t depth : {8u, 16u, 264u, 760u, 768u, 776u, 1536u, 3072u}) {
      for (const size_t rows : {kTileRows, 3 * kTileRows}) {
        const std::vector<float> a = random("a", rows * depth), b = random("b", kPanelColumns * depth);
        std::vector<int> x(a.size()), w(b.size());
        const double root3 = std::sqrt(3.0);  // the generator's values are in [-√3, √3)
        for (size_t i = 0; i < x.size(); ++i) x[i] = int(a[i] / root3 * 2047.99);
        for (size_t i = 0; i < w.size(); ++i) w[i] = int(b[i] / root3 * 127.99);
        expect_exact(form, rows, depth, x, w);
      }
    }
  }
}

TEST(Int8Kernel, ExtremesDoNotOverflow) {
  for (const ActivationForm form : kForms) {
    for (const size_t depth : {3072u, 8256u}) {  // the widest multiple of 8 that Int8Linear takes
      for (const int x : {2047, -2047}) {
        for (const int w : {127, -127}) {
          expect_exact(form, kTileRows, depth, std::vector<int>(kTileRows * depth, x),
                       std::vector<int>(kPanelColumns * depth, w));
        }
      }
    }
  }
}

// Every result is the exact sum, scaled in this order: · row's scale, · channel's scale, + bias.
TEST(Int8Linear, AgainstPlainLoops) {
  const size_t shapes[][3] = {{1, 1, 1},   {1, 768, 8},    {2, 3, 5},      {5, 7, 9},     {6, 8, 16},
                              {7, 17, 33}, {13, 192, 100}, {197, 100, 24}, {253, 20, 11}, {505, 9, 7}};
  for (const auto& [rows, in, out] : shapes) {
    SCOPED_TRACE(testing::Message() << rows << " × " << in << " → " << out);
    const std::vector<float> x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
    const std::vector<float> residual = random("residual", rows * out);
    const Int8Linear linear(in, out, w.data(), b.data());
    for (const ActivationForm form : kForms) {
      const QuantizedRows q = quantized(rows, in, x.data(), form);
      const std::vector<float> y = run(linear, q), with_gelu = run(linear, q, Epilogue::kGelu);
      std::vector<float> sum = residual;
      linear.run(rows, q, sum.data(), Epilogue::kAdd);
      for (size_t o = 0; o < out; ++o) {
        const Reference channel(&w[o * in], in, 127);
        for (size_t r = 0; r < rows; ++r) {
          const Reference row(&x[r * in], in, 2047);
          int64_t product = 0;
          for (size_t k = 0; k < in; ++k) product += int64_t{row.q[k]} * channel.q[k];
          const float expected = float(product) * row.scale * channel.scale + b[o];
          ASSERT_EQ(y[r * out + o], expected) << r << ", " << o;
          ASSERT_EQ(sum[r * out + o], residual[r * out + o] + expected) << r << ", " << o;
          float gelu_of[4] = {expected};
          gelu(4, gelu_of);
          ASSERT_EQ(with_gelu[r * out + o], gelu_of[0]) << r << ", " << o;
        }
      }
    }
  }
}

// Against the unquantized product in double. Each factor is off by at most half its scale, and that bounds
// the sum: |Σ x·w - Σ x̂·ŵ| ≤ Σ |x|·s_w/2 + Σ |w|·s_x/2 + n·s_x·s_w/4. Errors cancel, so on the whole they
// stay far below it.
TEST(Int8Linear, WithinTheBoundOfItsQuantization) {
  const size_t rows = 11, in = 768, out = 40;
  const std::vector<float> x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
  const Int8Linear linear(in, out, w.data(), b.data());
  for (const ActivationForm form : kForms) {
    const QuantizedRows q = quantized(rows, in, x.data(), form);
    const std::vector<float> y = run(linear, q);
    double squares = 0, error = 0;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < out; ++o) {
        double sum = b[o], x_sum = 0, w_sum = 0, w_most = 0;
        for (size_t k = 0; k < in; ++k) {
          const double xk = x[r * in + k], wk = w[o * in + k];
          sum += xk * wk;
          x_sum += std::abs(xk);
          w_sum += std::abs(wk);
          w_most = std::max(w_most, std::abs(wk));
        }
        const double w_scale = w_most / 127, x_scale = q.scale(r);
        const double bound = x_sum * w_scale / 2 + w_sum * x_scale / 2 + double(in) * x_scale * w_scale / 4;
        ASSERT_NEAR(y[r * out + o], sum, bound) << r << ", " << o;
        squares += sum * sum;
        error += (y[r * out + o] - sum) * (y[r * out + o] - sum);
      }
    }
    // Uniform values in ±√3 rounded to steps of √3/127: relative error (1/127)/√12 · √3 = 0.0039.
    EXPECT_LT(std::sqrt(error / squares), 0.0045);
    EXPECT_GT(std::sqrt(error / squares), 0.0030);
  }
}

TEST(Int8Linear, SameForAnyDivision) {
  const size_t rows = 300, in = 72, out = 84;
  const std::vector<float> x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
  const Int8Linear linear(in, out, w.data(), b.data());
  const std::vector<float> expected = run(linear, quantized(rows, in, x.data(), ActivationForm::kWords));
  for (const size_t threads : {1u, 2u, 3u}) {
    set_thread_count(threads);  // stays 1 in builds without threads
    for (const ActivationForm form : kForms) {
      EXPECT_EQ(run(linear, quantized(rows, in, x.data(), form)), expected) << threads << " threads";
    }
  }
  set_thread_count(1);
  for (const ActivationForm form : kForms) {
    for (const size_t at_once : {1u, 6u, 7u, 197u}) {
      for (size_t first = 0; first < rows; first += at_once) {
        const size_t some = std::min(at_once, rows - first);
        const std::vector<float> y = run(linear, quantized(some, in, &x[first * in], form));
        ASSERT_TRUE(std::equal(y.begin(), y.end(), expected.begin() + long(first * out)))
            << at_once << ": " << first;
      }
    }
  }
}

TEST(Int8Linear, WritesTheAskedRowsOnly) {
  const size_t in = 16, out = 11;
  const std::vector<float> x = random("x", 20 * in), w = random("w", in * out), b = random("b", out);
  const Int8Linear linear(in, out, w.data(), b.data());
  for (const ActivationForm form : kForms) {
    const QuantizedRows q = quantized(20, in, x.data(), form);
    const std::vector<float> expected = run(linear, q);
    std::vector<float> y(20 * out, -7.0f);
    linear.run(4, q, y.data());
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], i < 4 * out ? expected[i] : -7.0f) << i;
  }
}

TEST(Int8Linear, NotANumberStaysInItsRow) {
  const size_t in = 16, out = 9;
  const std::vector<float> w = random("w", in * out), b = random("b", out);
  const Int8Linear linear(in, out, w.data(), b.data());
  for (const ActivationForm form : kForms) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      for (const size_t at : {0u, 15u}) {
        std::vector<float> x = random("x", 3 * in);
        x[in + at] = bad;
        const std::vector<float> y = run(linear, quantized(3, in, x.data(), form));
        for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i / out == 1) << bad << ": " << i;
      }
    }
  }
}

// A NaN's low bits may be anything; as an integer they could overflow the sums.
TEST(Int8Linear, NotANumberIsNotQuantized) {
  const size_t in = 768;
  const std::vector<float> x(in, std::bit_cast<float>(0x7FC07FFF)), w(in, 1.0f), b(1);
  const Int8Linear linear(in, 1, w.data(), b.data());
  const QuantizedRows q = quantized(1, in, x.data(), ActivationForm::kWords);
  EXPECT_TRUE(std::isnan(run(linear, q)[0]));
  for (size_t k = 0; k < in; ++k) ASSERT_LE(std::abs(value(q, 0, k)), 2047);
}

TEST(Int8Linear, AllocatesNothingAfterItsConstruction) {
  const size_t rows = 300, in = 100, out = 30;
  const std::vector<float> x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
  const Int8Linear linear(in, out, w.data(), b.data());
  std::vector<float> y(rows * out);
  for (const ActivationForm form : kForms) {
    QuantizedRows q(rows, in, form);
    allocations() = {};
    for (size_t row = 0; row < rows; ++row) q.set(row, &x[row * in]);
    for (const Epilogue epilogue : {Epilogue::kStore, Epilogue::kGelu, Epilogue::kAdd}) {
      linear.run(rows, q, y.data(), epilogue);
    }
    EXPECT_EQ(allocations().count, 0u);
  }
}

// What the 86 MB of ViT-B cost: a byte a weight, 12 bytes a channel.
TEST(Int8Linear, KeepsAByteAWeight) {
  const size_t in = 768, out = 96;
  const std::vector<float> w = random("w", in * out), b = random("b", out);
  allocations() = {};
  const Int8Linear linear(in, out, w.data(), b.data());
  EXPECT_LE(allocations().bytes, in * out + 12 * out + 1024);
}

TEST(Int8Linear, RefusesSumsThatCouldOverflow) {
  const std::vector<float> w(8260), b(1);
  EXPECT_NO_THROW(Int8Linear(8260, 1, w.data(), b.data()));
  try {
    Int8Linear(8261, 1, w.data(), b.data());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace vitreous::test

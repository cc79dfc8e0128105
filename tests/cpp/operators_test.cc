// Each operator against plain loops in double, on shapes from a replayable counter.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/attention.h"
#include "model/gelu.h"
#include "model/kernels.h"
#include "model/layer_norm.h"
#include "model/layout.h"
#include "model/linear.h"
#include "support/generated.h"

namespace vitreous::test {
namespace {

// Values in [-scale, scale) for a name: what failed can be made again from the test's message.
Buffer random(const std::string& name, size_t count, float scale = 1.0f) {
  const std::vector<float> values = generate("input." + name, {count});  // unit variance
  Buffer buffer(count);
  for (size_t i = 0; i < count; ++i) buffer.data()[i] = values[i] * scale;
  return buffer;
}

TEST(Operators, Linear) {
  const size_t shapes[][3] = {{1, 4, 1}, {1, 768, 5}, {3, 17, 9}, {7, 64, 64}, {197, 48, 33}};
  for (const auto& [rows, in, out] : shapes) {
    SCOPED_TRACE(testing::Message() << rows << " × " << in << " → " << out);
    const Buffer x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
    const Linear linear(in, out, w.data(), b.data());
    Buffer y(rows * out);
    linear.run(rows, x.data(), y.data());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < out; ++o) {
        double sum = b.data()[o];
        for (size_t i = 0; i < in; ++i) sum += double(x.data()[r * in + i]) * double(w.data()[o * in + i]);
        ASSERT_NEAR(y.data()[r * out + o], sum, 1e-5 * std::sqrt(double(in))) << r << ", " << o;
      }
    }
  }
}

TEST(Operators, LinearEpilogues) {
  const size_t rows = 7, in = 24, out = 100;
  const Buffer x = random("x", rows * in), w = random("w", in * out), b = random("b", out);
  const Linear linear(in, out, w.data(), b.data());
  Buffer plain(rows * out), with_gelu(rows * out), sum = random("residual", rows * out);
  const Buffer residual = random("residual", rows * out);
  linear.run(rows, x.data(), plain.data());
  linear.run(rows, x.data(), with_gelu.data(), Epilogue::kGelu);
  linear.run(rows, x.data(), sum.data(), Epilogue::kAdd);
  for (size_t i = 0; i < rows * out; ++i) {
    ASSERT_EQ(sum.data()[i], residual.data()[i] + plain.data()[i]) << i;
    const double v = plain.data()[i];
    ASSERT_NEAR(with_gelu.data()[i], v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))), 4e-6) << i;
  }
}

// Against softmax(q·kᵀ/√C)·v in double, one token and one head at a time.
TEST(Operators, Attention) {
  VitConfig config;
  config.name = "test";
  const int shapes[][4] = {{32, 16, 8, 1}, {48, 16, 96, 3}, {64, 8, 128, 2}};  // image, patch, dim, heads
  for (const auto& [image, patch, dim, heads] : shapes) {
    config.image_height = config.image_width = image;
    config.patch_size = patch;
    config.dim = dim;
    config.heads = heads;
    SCOPED_TRACE(testing::Message() << config.tokens() << " tokens, " << heads << " heads of "
                                    << config.head_dim());
    const size_t B = 2, N = size_t(config.tokens()), D = size_t(dim), H = size_t(heads), C = D / H;
    const Buffer qkv = random("qkv", B * N * 3 * D, 2.0f);
    Attention attention(config);
    for (const size_t queries : {N, size_t{1}}) {
      Buffer out(B * queries * D), weights(B * H * queries * N);
      attention.run(qkv.data(), B, N, queries, out.data());
      attention.weights(qkv.data(), B, N, queries, weights.data());
      for (size_t b = 0; b < B; ++b) {
        for (size_t h = 0; h < H; ++h) {
          for (size_t n = 0; n < queries; ++n) {
            auto at = [&](size_t token, size_t part, size_t c) {
              return double(qkv.data()[(b * N + token) * 3 * D + part * D + h * C + c]);
            };
            std::vector<double> p(N);
            double sum = 0;
            for (size_t m = 0; m < N; ++m) {
              double dot = 0;
              for (size_t c = 0; c < C; ++c) dot += at(n, 0, c) * at(m, 1, c);
              sum += p[m] = std::exp(dot / std::sqrt(double(C)));
            }
            for (size_t c = 0; c < C; ++c) {
              double expected = 0;
              for (size_t m = 0; m < N; ++m) expected += p[m] / sum * at(m, 2, c);
              ASSERT_NEAR(out.data()[(b * queries + n) * D + h * C + c], expected, 1e-5) << b << h << n << c;
            }
            for (size_t m = 0; m < N; ++m)
              ASSERT_NEAR(weights.data()[((b * H + h) * queries + n) * N + m], p[m] / sum, 1e-6);
          }
        }
      }
    }
  }
}

TEST(Operators, GeluIsTheExactErf) {
  for (const size_t n : {4u, 12u, 3072u}) {
    const Buffer x = random("x", n, 4.0f);
    Buffer y(n);
    std::copy(x.data(), x.data() + n, y.data());
    gelu(n, y.data());
    for (size_t i = 0; i < n; ++i) {
      const double v = x.data()[i];
      // The tanh approximation is off by up to 5e-4; this tells them apart.
      ASSERT_NEAR(y.data()[i], v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))), 2e-6) << v;
    }
  }
}

TEST(Operators, GeluFarOut) {
  const float values[] = {0.0f,   -0.0f,   5.39f, 5.41f,  -5.39f, -5.41f,
                          100.0f, -100.0f, 1e30f, -1e30f, 1e-30f, -1e-40f};
  Buffer y(12);
  std::copy(std::begin(values), std::end(values), y.data());
  gelu(12, y.data());
  for (size_t i = 0; i < 12; ++i) {
    const double v = values[i], expected = v * 0.5 * std::erfc(-v / std::sqrt(2.0));
    EXPECT_NEAR(y.data()[i], expected, 1e-6 * std::max(1.0, std::abs(v))) << v;
  }
}

TEST(Operators, ExpOfARow) {
  for (const size_t n : {1u, 3u, 8u, 197u, 785u}) {
    const Buffer x = random("x", n, 20.0f);
    Buffer y(n);
    std::copy(x.data(), x.data() + n, y.data());
    const float max = row_max(n, y.data());
    const float sum = row_exp(n, y.data(), max);
    double expected_sum = 0;
    for (size_t i = 0; i < n; ++i) {
      ASSERT_LE(x.data()[i], max);
      const double expected = std::exp(double(x.data()[i]) - double(max));
      ASSERT_NEAR(y.data()[i], expected, 1e-6) << i;
      expected_sum += expected;
    }
    ASSERT_NEAR(sum, expected_sum, 1e-5 * expected_sum);
  }
}

TEST(Operators, Add) {
  for (const size_t n : {1u, 15u, 16u, 1000u}) {
    const Buffer x = random("x", n), y = random("y", n);
    Buffer sum(n);
    std::copy(x.data(), x.data() + n, sum.data());
    add(n, sum.data(), y.data());
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(sum.data()[i], x.data()[i] + y.data()[i]);
  }
}

TEST(LayerNorm, AgainstDouble) {
  for (const size_t dim : {4u, 192u, 768u}) {
    const size_t rows = 5, stride = dim + 8;
    const Buffer weight = random("weight", dim), bias = random("bias", dim);
    Buffer x = random("x", rows * stride);
    x.data()[1] = 900.0f;  // an outlier channel, as trained models have
    const LayerNorm norm{{weight.data(), weight.data() + dim}, {bias.data(), bias.data() + dim}, 1e-6f};
    Buffer y(rows * dim);
    norm.run(rows, x.data(), stride, y.data());
    for (size_t r = 0; r < rows; ++r) {
      const float* row = x.data() + r * stride;
      double mean = 0, variance = 0;
      for (size_t i = 0; i < dim; ++i) mean += row[i] / double(dim);
      for (size_t i = 0; i < dim; ++i) variance += (row[i] - mean) * (row[i] - mean) / double(dim);
      for (size_t i = 0; i < dim; ++i) {
        const double expected =
            (row[i] - mean) / std::sqrt(variance + 1e-6) * double(weight.data()[i]) + double(bias.data()[i]);
        ASSERT_NEAR(y.data()[r * dim + i], expected, 1e-5 * std::max(1.0, std::abs(expected)))
            << dim << ": " << r;
      }
    }
  }
}

TEST(Layout, PatchesAndPrefix) {
  const size_t batch = 2, dim = 4;
  for (const TokenCount count : {TokenCount{1, 6}, TokenCount{3, 6}}) {
    std::vector<float> tokens(batch * count.all() * dim);
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = float(i);
    std::vector<float> prefix(batch * count.prefix * dim);
    std::vector<float> nlc(batch * count.patches * dim), nchw(nlc.size());
    prefix_tokens(tokens.data(), batch, count, dim, prefix.data());
    patch_tokens(tokens.data(), batch, count, dim, false, nlc.data());
    patch_tokens(tokens.data(), batch, count, dim, true, nchw.data());
    for (size_t b = 0; b < batch; ++b) {
      for (size_t d = 0; d < dim; ++d) {
        const auto token = [&](size_t n) { return tokens[(b * count.all() + n) * dim + d]; };
        for (size_t n = 0; n < count.prefix; ++n) {
          EXPECT_EQ(prefix[(b * count.prefix + n) * dim + d], token(n));
        }
        for (size_t p = 0; p < count.patches; ++p) {
          EXPECT_EQ(nlc[(b * count.patches + p) * dim + d], token(count.prefix + p));
          EXPECT_EQ(nchw[(b * dim + d) * count.patches + p], token(count.prefix + p));
        }
      }
    }
  }
}

}  // namespace
}  // namespace vitreous::test

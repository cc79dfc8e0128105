// Each operator against plain loops in double, on shapes from a replayable counter.
#include "model/operators.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/layer_norm.h"
#include "model/layout.h"
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

TEST(Operators, BatchMatMul) {
  for (const bool transpose_b : {false, true}) {
    BatchMatMul matmul(transpose_b);
    const size_t shapes[][4] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {12, 1, 64, 197}, {3, 197, 64, 65}, {2, 5, 197, 64}};
    for (const auto& [batch, m, k, n] : shapes) {
      SCOPED_TRACE(testing::Message() << batch << " × (" << m << ", " << k << ", " << n << ") " << transpose_b);
      const Buffer a = random("a", batch * m * k), b = random("b", batch * k * n);
      Buffer c(batch * m * n);
      matmul.run(batch, m, k, n, a.data(), b.data(), c.data());
      for (size_t p = 0; p < batch; ++p) {
        for (size_t i = 0; i < m; ++i) {
          for (size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (size_t q = 0; q < k; ++q) {
              const float right = transpose_b ? b.data()[(p * n + j) * k + q] : b.data()[(p * k + q) * n + j];
              sum += double(a.data()[(p * m + i) * k + q]) * double(right);
            }
            ASSERT_NEAR(c.data()[(p * m + i) * n + j], sum, 1e-5 * std::sqrt(double(k))) << p << i << j;
          }
        }
      }
    }
  }
}

TEST(Operators, Softmax) {
  const Softmax softmax;
  const size_t shapes[][2] = {{1, 1}, {3, 5}, {12, 197}, {2, 785}};
  for (const auto& [rows, n] : shapes) {
    for (const float scale : {1.0f, 30.0f}) {
      const Buffer x = random("x", rows * n, scale);
      Buffer y(rows * n);
      std::copy(x.data(), x.data() + rows * n, y.data());
      softmax.run(rows, n, y.data());
      for (size_t r = 0; r < rows; ++r) {
        double max = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; ++i) max = std::max(max, double(x.data()[r * n + i]));
        for (size_t i = 0; i < n; ++i) sum += std::exp(double(x.data()[r * n + i]) - max);
        for (size_t i = 0; i < n; ++i) {
          const double expected = std::exp(double(x.data()[r * n + i]) - max) / sum;
          ASSERT_NEAR(y.data()[r * n + i], expected, 1e-6) << r << ", " << i;
        }
      }
    }
  }
}

TEST(Operators, GeluIsTheExactErf) {
  for (const size_t n : {1u, 12u, 13u, 3072u}) {
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
        ASSERT_NEAR(y.data()[r * dim + i], expected, 1e-5 * std::max(1.0, std::abs(expected))) << dim << ": " << r;
      }
    }
  }
}

TEST(Layout, PatchesAndPrefix) {
  const size_t batch = 2, patches = 6, dim = 4;
  std::vector<float> tokens(batch * (1 + patches) * dim);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = float(i);
  std::vector<float> prefix(batch * dim), nlc(batch * patches * dim), nchw(nlc.size());
  prefix_tokens(tokens.data(), batch, patches, dim, prefix.data());
  patch_tokens(tokens.data(), batch, patches, dim, false, nlc.data());
  patch_tokens(tokens.data(), batch, patches, dim, true, nchw.data());
  for (size_t b = 0; b < batch; ++b) {
    for (size_t d = 0; d < dim; ++d) {
      EXPECT_EQ(prefix[b * dim + d], tokens[b * (1 + patches) * dim + d]);
      for (size_t p = 0; p < patches; ++p) {
        const float value = tokens[(b * (1 + patches) + 1 + p) * dim + d];
        EXPECT_EQ(nlc[(b * patches + p) * dim + d], value);
        EXPECT_EQ(nchw[(b * dim + d) * patches + p], value);
      }
    }
  }
}

}  // namespace
}  // namespace vitreous::test

#include "model/attention.h"

#include <cmath>
#include <cstring>

namespace vitreous {

Attention::Attention(const VitConfig& config)
    : tokens_(config.tokens()),
      heads_(config.heads),
      head_dim_(config.head_dim()),
      q_(size_t(tokens_) * config.dim),
      k_(size_t(tokens_) * config.dim),
      v_(size_t(tokens_) * config.dim),
      scores_(size_t(heads_) * tokens_ * tokens_),
      query_key_(/*transpose_b=*/true),
      score_value_(/*transpose_b=*/false) {}

void Attention::run(const float* qkv, int queries, float* out, float* cls_map) {
  const size_t N = tokens_, H = heads_, C = head_dim_, Q = queries;
  const size_t row = 3 * H * C;

  // q, k, v = qkv.reshape(N, 3, H, C).permute(1, 2, 0, 3); q *= scale
  const float scale = 1.0f / std::sqrt(float(head_dim_));
  for (size_t h = 0; h < H; ++h) {
    for (size_t n = 0; n < N; ++n) {
      const float* token = qkv + n * row + h * C;
      if (n < Q) {
        for (size_t c = 0; c < C; ++c) q_.data()[(h * Q + n) * C + c] = token[c] * scale;
      }
      std::memcpy(k_.data() + (h * N + n) * C, token + H * C, C * sizeof(float));
      std::memcpy(v_.data() + (h * N + n) * C, token + 2 * H * C, C * sizeof(float));
    }
  }

  query_key_.run(H, Q, C, N, q_.data(), k_.data(), scores_.data());    // (H, Q, N)
  softmax_.run(H * Q, N, scores_.data());
  if (cls_map != nullptr) {
    for (size_t h = 0; h < H; ++h) {
      std::memcpy(cls_map + h * (N - 1), scores_.data() + h * Q * N + 1, (N - 1) * sizeof(float));
    }
  }
  score_value_.run(H, Q, N, C, scores_.data(), v_.data(), q_.data());  // (H, Q, C)

  // out = out.transpose(1, 2).reshape(Q, H * C)
  for (size_t h = 0; h < H; ++h) {
    for (size_t n = 0; n < Q; ++n) {
      std::memcpy(out + (n * H + h) * C, q_.data() + (h * Q + n) * C, C * sizeof(float));
    }
  }
}

}  // namespace vitreous

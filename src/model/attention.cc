#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "model/kernels.h"

namespace vitreous {
namespace {

size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

size_t scores_stride(size_t tokens) { return round_up(tokens, GemmKernel::get().nr()); }
size_t scores_size(size_t tokens) { return GemmKernel::get().mr() * scores_stride(tokens); }

}  // namespace

Attention::Attention(const VitConfig& config)
    : heads_(size_t(config.heads)), head_dim_(size_t(config.head_dim())), dim_(size_t(config.dim)) {}

// A few queries at a time: their scores never leave the cache.
void Attention::run(const float* qkv, size_t batch, size_t tokens, size_t queries, float* out) {
  const GemmKernel& gemm = GemmKernel::get();
  const size_t keys_size = gemm.packed_size(tokens, head_dim_);
  const size_t values_size = gemm.packed_size(head_dim_, tokens);
  reserve(keys_size + values_size + scores_size(tokens));
  parallel_for_threads(batch * heads_, [&](size_t thread, size_t task) {
    const size_t b = task / heads_, h = task % heads_;
    const auto [q, k, v] = head(qkv, tokens, b, h);
    float* keys = scratch(thread);         // (head_dim, tokens), scaled
    float* values = keys + keys_size;      // (tokens, head_dim)
    float* scores = values + values_size;  // (mr, tokens)
    pack_keys(k, tokens, keys);
    pack_values(v, tokens, values);
    for (size_t first = 0; first < queries; first += gemm.mr()) {
      const size_t count = std::min(gemm.mr(), queries - first);
      float sums[GemmKernel::kMaxRows];
      exp_scores(q + first * 3 * dim_, count, tokens, keys, scores, sums);
      float* to = out + (b * queries + first) * dim_ + h * head_dim_;
      gemm.run(count, head_dim_, tokens, scores, scores_stride(tokens), values, to, dim_);
      // The softmax's division, on head_dim results instead of on as many scores as there are tokens.
      for (size_t i = 0; i < count; ++i) {
        for (size_t c = 0; c < head_dim_; ++c) to[i * dim_ + c] /= sums[i];
      }
    }
  });
}

void Attention::weights(const float* qkv, size_t batch, size_t tokens, size_t queries, float* weights) {
  const GemmKernel& gemm = GemmKernel::get();
  const size_t keys_size = gemm.packed_size(tokens, head_dim_);
  reserve(keys_size + scores_size(tokens));
  parallel_for_threads(batch * heads_, [&](size_t thread, size_t task) {
    const Head at = head(qkv, tokens, task / heads_, task % heads_);
    float* keys = scratch(thread);
    float* scores = keys + keys_size;
    pack_keys(at.k, tokens, keys);
    float* to = weights + task * queries * tokens;
    for (size_t first = 0; first < queries; first += gemm.mr()) {
      const size_t count = std::min(gemm.mr(), queries - first);
      float sums[GemmKernel::kMaxRows];
      exp_scores(at.q + first * 3 * dim_, count, tokens, keys, scores, sums);
      for (size_t i = 0; i < count; ++i, to += tokens) {
        const float* row = scores + i * scores_stride(tokens);
        for (size_t t = 0; t < tokens; ++t) to[t] = row[t] / sums[i];
      }
    }
  });
}

// Head after head, the rows spread over the threads: the order of a sum does not depend on their number.
void Attention::fused_weights(const float* qkv, size_t tokens, HeadFusion fusion, float* fused) {
  const GemmKernel& gemm = GemmKernel::get();
  reserve(scores_size(tokens));
  Buffer keys(gemm.packed_size(tokens, head_dim_));
  for (size_t h = 0; h < heads_; ++h) {
    const Head at = head(qkv, tokens, 0, h);
    pack_keys(at.k, tokens, keys.data());
    parallel_for_threads((tokens + gemm.mr() - 1) / gemm.mr(), [&](size_t thread, size_t task) {
      const size_t first = task * gemm.mr(), count = std::min(gemm.mr(), tokens - first);
      float* scores = scratch(thread);
      float sums[GemmKernel::kMaxRows];
      exp_scores(at.q + first * 3 * dim_, count, tokens, keys.data(), scores, sums);
      for (size_t i = 0; i < count; ++i) {
        const float* row = scores + i * scores_stride(tokens);
        float* to = fused + (first + i) * tokens;
        for (size_t t = 0; t < tokens; ++t) {
          const float weight = row[t] / sums[i];
          if (fusion == HeadFusion::kMean) {
            to[t] = (h == 0 ? 0.0f : to[t]) + weight / float(heads_);
          } else {
            const bool kept = h > 0 && (fusion == HeadFusion::kMax ? to[t] > weight : to[t] < weight);
            if (!kept) to[t] = weight;
          }
        }
      }
    });
  }
}

void Attention::split(const float* qkv, size_t batch, size_t tokens, QkvPart part, float* out) const {
  for (size_t b = 0; b < batch; ++b) {
    for (size_t h = 0; h < heads_; ++h) {
      const float* from = head(qkv, tokens, b, h).q + size_t(part) * dim_;
      for (size_t n = 0; n < tokens; ++n) out = std::copy_n(from + n * 3 * dim_, head_dim_, out);
    }
  }
}

double Attention::scratch_bytes(size_t tokens) const {
  const double a_thread =
      double(tokens) * double(2 * round_up(head_dim_, 16) + GemmKernel::get().mr() + 1) * sizeof(float);
  return std::max(0.0, a_thread * double(thread_count()) - double(scratch_.bytes()));
}

Attention::Head Attention::head(const float* qkv, size_t tokens, size_t image, size_t head) const {
  const float* q = qkv + image * tokens * 3 * dim_ + head * head_dim_;
  return {.q = q, .k = q + dim_, .v = q + 2 * dim_};
}

void Attention::reserve(size_t floats_a_thread) {
  thread_floats_ = round_up(floats_a_thread, 16);
  const size_t floats = thread_count() * thread_floats_;
  if (scratch_.size() >= floats) return;
  scratch_ = {};  // first, so that the two are never there together
  scratch_ = Buffer(floats);
}

void Attention::exp_scores(const float* q, size_t count, size_t tokens, const float* keys, float* scores,
                           float* sums) const {
  const size_t stride = scores_stride(tokens);
  GemmKernel::get().run(count, tokens, head_dim_, q, 3 * dim_, keys, scores, stride);
  for (size_t i = 0; i < count; ++i) {
    float* row = scores + i * stride;
    sums[i] = row_exp(tokens, row, row_max(tokens, row));
  }
}

// k: (tokens, head_dim), rows 3 · dim apart → the kernel's panels of nr tokens: [nr zeros][head_dim][nr],
// times 1 / √head_dim.
void Attention::pack_keys(const float* k, size_t tokens, float* packed) const {
  const size_t nr = GemmKernel::get().nr();
  const float scale = 1.0f / std::sqrt(float(head_dim_));
  for (size_t first = 0; first < tokens; first += nr) {
    const size_t count = std::min(nr, tokens - first);
    packed = std::fill_n(packed, nr, 0.0f);
    for (size_t c = 0; c < head_dim_; ++c, packed += nr) {
      for (size_t i = 0; i < count; ++i) packed[i] = k[(first + i) * 3 * dim_ + c] * scale;
    }
  }
}

// v: (tokens, head_dim), rows 3 · dim apart → the kernel's panels of nr channels: [nr zeros][tokens][nr].
void Attention::pack_values(const float* v, size_t tokens, float* packed) const {
  const size_t nr = GemmKernel::get().nr();
  for (size_t first = 0; first < head_dim_; first += nr) {
    const size_t count = std::min(nr, head_dim_ - first);
    packed = std::fill_n(packed, nr, 0.0f);
    for (size_t n = 0; n < tokens; ++n, packed += nr) std::copy_n(v + n * 3 * dim_ + first, count, packed);
  }
}

}  // namespace vitreous

#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "model/kernels.h"

namespace vitreous {
namespace {

size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

Attention::Attention(const VitConfig& config)
    : tokens_(size_t(config.tokens())),
      heads_(size_t(config.heads)),
      head_dim_(size_t(config.head_dim())),
      dim_(size_t(config.dim)) {
  const GemmKernel& gemm = GemmKernel::get();
  keys_size_ = gemm.packed_size(tokens_, head_dim_);
  values_size_ = gemm.packed_size(head_dim_, tokens_);
  scores_stride_ = round_up(tokens_, gemm.nr());
  scratch_size_ = round_up(keys_size_ + values_size_ + gemm.mr() * scores_stride_, 16);
}

void Attention::run(const float* qkv, size_t batch, size_t queries, float* out, float* cls_map) {
  if (scratch_.size() < thread_count() * scratch_size_) scratch_ = Buffer(thread_count() * scratch_size_);
  parallel_for_threads(batch * heads_, [&](size_t thread, size_t task) {
    const size_t b = task / heads_, h = task % heads_;
    const float* q = qkv + b * tokens_ * 3 * dim_ + h * head_dim_;
    const Head head = {.q = q,
                       .k = q + dim_,
                       .v = q + 2 * dim_,
                       .out = out + b * queries * dim_ + h * head_dim_,
                       .cls_map = cls_map == nullptr ? nullptr : cls_map + task * (tokens_ - 1)};
    run_head(head, queries, scratch_.data() + thread * scratch_size_);
  });
}

// One head of one image, a few queries at a time: their scores never leave the cache.
void Attention::run_head(const Head& head, size_t queries, float* scratch) const {
  const GemmKernel& gemm = GemmKernel::get();
  float* keys = scratch;                  // (head_dim, tokens), scaled
  float* values = keys + keys_size_;      // (tokens, head_dim)
  float* scores = values + values_size_;  // (mr, tokens)
  pack_keys(head.k, keys);
  pack_values(head.v, values);
  for (size_t first = 0; first < queries; first += gemm.mr()) {
    const size_t count = std::min(gemm.mr(), queries - first);
    gemm.run(count, tokens_, head_dim_, head.q + first * 3 * dim_, 3 * dim_, keys, scores, scores_stride_);
    float sums[GemmKernel::kMaxRows];
    for (size_t i = 0; i < count; ++i) {
      float* row = scores + i * scores_stride_;
      sums[i] = row_exp(tokens_, row, row_max(tokens_, row));
    }
    if (first == 0 && head.cls_map != nullptr) {
      for (size_t p = 0; p + 1 < tokens_; ++p) head.cls_map[p] = scores[p + 1] / sums[0];
    }
    float* out = head.out + first * dim_;
    gemm.run(count, head_dim_, tokens_, scores, scores_stride_, values, out, dim_);
    // The softmax's division, on head_dim results instead of on as many scores as there are tokens.
    for (size_t i = 0; i < count; ++i) {
      for (size_t c = 0; c < head_dim_; ++c) out[i * dim_ + c] /= sums[i];
    }
  }
}

// k: (tokens, head_dim), rows 3 · dim apart → the kernel's panels of nr tokens: [nr zeros][head_dim][nr],
// times 1 / √head_dim.
void Attention::pack_keys(const float* k, float* packed) const {
  const size_t nr = GemmKernel::get().nr();
  const float scale = 1.0f / std::sqrt(float(head_dim_));
  for (size_t first = 0; first < tokens_; first += nr) {
    const size_t count = std::min(nr, tokens_ - first);
    packed = std::fill_n(packed, nr, 0.0f);
    for (size_t c = 0; c < head_dim_; ++c, packed += nr) {
      for (size_t i = 0; i < count; ++i) packed[i] = k[(first + i) * 3 * dim_ + c] * scale;
    }
  }
}

// v: (tokens, head_dim), rows 3 · dim apart → the kernel's panels of nr channels: [nr zeros][tokens][nr].
void Attention::pack_values(const float* v, float* packed) const {
  const size_t nr = GemmKernel::get().nr();
  for (size_t first = 0; first < head_dim_; first += nr) {
    const size_t count = std::min(nr, head_dim_ - first);
    packed = std::fill_n(packed, nr, 0.0f);
    for (size_t n = 0; n < tokens_; ++n, packed += nr) std::copy_n(v + n * 3 * dim_ + first, count, packed);
  }
}

}  // namespace vitreous

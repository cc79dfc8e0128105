// Multi-head self-attention between the qkv and the output projection (timm: Attention.forward).
#pragma once

#include <cstddef>

#include "base/buffer.h"
#include "model/config.h"

namespace vitreous {

// One of the three parts of a qkv.
enum class QkvPart { kQuery, kKey, kValue };

// How the heads' weights become one matrix.
enum class HeadFusion { kMean, kMax, kMin };

// Every method reads q, k and v where they are.
//   qkv: (batch, tokens, 3 · dim), each row q | k | v, each of those heads × head_dim
//   queries: how many of the tokens ask, from the first on; the CLS token alone is 1
class Attention {
 public:
  explicit Attention(const VitConfig& config);

  // softmax(q · kᵀ / √head_dim) · v for each image → out: (batch, queries, dim), the heads side by side
  void run(const float* qkv, size_t batch, size_t tokens, size_t queries, float* out);

  // The softmax alone, which run() never holds whole → (batch, heads, queries, tokens)
  void weights(const float* qkv, size_t batch, size_t tokens, size_t queries, float* weights);

  // The same of all tokens of one image, its heads fused → (tokens, tokens)
  void fused_weights(const float* qkv, size_t tokens, HeadFusion fusion, float* fused);

  // One part of qkv, the heads apart → (batch, heads, tokens, head_dim)
  void split(const float* qkv, size_t batch, size_t tokens, QkvPart part, float* out) const;

  // What run() needs for images of so many tokens, beyond what it has by now.
  double scratch_bytes(size_t tokens) const;

 private:
  struct Head {
    const float *q, *k, *v;
  };
  Head head(const float* qkv, size_t tokens, size_t image, size_t head) const;
  // A thread's part of scratch_, all of which has room for at least that.
  void reserve(size_t floats_a_thread);
  float* scratch(size_t thread) { return scratch_.data() + thread * thread_floats_; }

  // exp(q · kᵀ / √head_dim - max) of a few queries → scores (count, tokens), rows scores_stride apart, and
  // their sums
  void exp_scores(const float* q, size_t count, size_t tokens, const float* keys, float* scores,
                  float* sums) const;
  void pack_keys(const float* k, size_t tokens, float* packed) const;
  void pack_values(const float* v, size_t tokens, float* packed) const;

  size_t heads_, head_dim_, dim_;
  size_t thread_floats_ = 0;
  Buffer scratch_;
};

}  // namespace vitreous

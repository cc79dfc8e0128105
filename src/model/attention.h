// Multi-head self-attention between the qkv and the output projection (timm: Attention.forward).
#pragma once

#include <cstddef>

#include "base/buffer.h"
#include "model/config.h"

namespace vitreous {

class Attention {
 public:
  explicit Attention(const VitConfig& config);

  // softmax(q · kᵀ / √head_dim) · v for each image, reading q, k and v where they are.
  //   qkv: (batch, tokens, 3 · dim), each row q | k | v, each of those heads × head_dim
  //   queries: how many of the tokens ask, from the first on; the CLS token alone is 1
  //   out: (batch, queries, dim), the heads side by side
  //   cls_map: if not null, (batch, heads, patches): how the CLS token attends to each patch, after the
  //   softmax
  void run(const float* qkv, size_t batch, size_t queries, float* out, float* cls_map);

 private:
  struct Head {
    const float *q, *k, *v;
    float *out, *cls_map;
  };
  void run_head(const Head& head, size_t queries, float* scratch) const;
  void pack_keys(const float* k, float* packed) const;
  void pack_values(const float* v, float* packed) const;

  size_t tokens_, heads_, head_dim_, dim_;
  // One thread's part of scratch_: the keys and the values of a head, packed, and the scores of a few
  // queries.
  size_t keys_size_, values_size_, scores_stride_, scratch_size_;
  Buffer scratch_;
};

}  // namespace vitreous

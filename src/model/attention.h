// Multi-head self-attention between the qkv and the output projection (timm: Attention.forward).
#pragma once

#include "base/buffer.h"
#include "model/config.h"
#include "model/operators.h"

namespace vitreous {

class Attention {
 public:
  explicit Attention(const VitConfig& config);

  // softmax(q · kᵀ / √head_dim) · v for one image.
  //   qkv: (tokens, 3 · dim), each row q | k | v, each of those heads × head_dim
  //   queries: how many of the tokens ask, from the first on; the CLS token alone is 1
  //   out: (queries, dim), the heads side by side
  //   cls_map: if not null, (heads, patches): how the CLS token attends to each patch, after the softmax
  void run(const float* qkv, int queries, float* out, float* cls_map);

 private:
  int tokens_, heads_, head_dim_;
  Buffer q_, k_, v_;  // (heads, tokens, head_dim); q_ afterwards holds the heads' results
  Buffer scores_;     // (heads, tokens, tokens)
  BatchMatMul query_key_;
  BatchMatMul score_value_;
  Softmax softmax_;
};

}  // namespace vitreous

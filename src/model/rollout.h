// Attention rollout: how much of each token reaches each other one through all layers (Abnar & Zuidema 2020,
// "Quantifying Attention Flow in Transformers", in the form of jacobgil/vit-explain's vit_rollout.py).
#pragma once

#include <cstddef>
#include <vector>

#include "base/buffer.h"
#include "model/attention.h"

namespace vitreous {

// A layer has the matrix A = (W + I) / 2, rows scaled to a sum of 1, where W are its heads' weights fused;
// the rollout is the product of all layers' A, the last one leftmost. (vit-explain divides the columns by
// the rows' sums instead, for want of a keepdim; that differs only with head fusions other than the mean or
// with a discard ratio.) Of W the fraction `discard_ratio` of the smallest values counts as zero, the first
// excepted, which is what CLS gives itself. Memory: (images + 2) · tokens².
class AttentionRollout {
 public:
  AttentionRollout(size_t images, size_t tokens, HeadFusion fusion, double discard_ratio);

  // The next layer's, in the order of the forward. qkv: (images, tokens, 3 · dim)
  void add_layer(Attention& attention, const float* qkv, size_t qkv_row);

  // (images, patches): the first token's row, from token `prefix` on
  void cls_to_patches(size_t prefix, float* mass) const;

  static double bytes(size_t images, size_t tokens) {
    return double(images + 2) * double(tokens) * double(tokens) * sizeof(float);
  }

 private:
  void discard_smallest();
  void normalize_rows();
  void multiply(const float* a, const float* b, float* product) const;

  size_t tokens_;
  HeadFusion fusion_;
  double discard_ratio_;
  std::vector<Buffer> products_;  // of each image, (tokens, tokens); before the first layer empty
  Buffer layer_, scratch_;        // (tokens, tokens)
};

}  // namespace vitreous

#include "model/rollout.h"

#include <algorithm>
#include <utility>

#include "base/thread_pool.h"
#include "model/kernels.h"

namespace vitreous {

AttentionRollout::AttentionRollout(size_t images, size_t tokens, HeadFusion fusion, double discard_ratio)
    : tokens_(tokens),
      fusion_(fusion),
      discard_ratio_(discard_ratio),
      products_(images),
      layer_(tokens * tokens),
      scratch_(tokens * tokens) {}

void AttentionRollout::add_layer(Attention& attention, const float* qkv, size_t qkv_row) {
  for (Buffer& product : products_) {
    attention.fused_weights(qkv, tokens_, fusion_, layer_.data());
    discard_smallest();
    normalize_rows();
    if (product.size() == 0) {
      product = Buffer(tokens_ * tokens_);
      std::swap(product, layer_);
    } else {
      multiply(layer_.data(), product.data(), scratch_.data());
      std::swap(product, scratch_);
    }
    qkv += tokens_ * qkv_row;
  }
}

void AttentionRollout::cls_to_patches(size_t prefix, float* mass) const {
  for (const Buffer& product : products_) {
    mass = std::copy_n(product.data() + prefix, tokens_ - prefix, mass);
  }
}

void AttentionRollout::discard_smallest() {
  const size_t n = tokens_ * tokens_, count = size_t(double(n) * discard_ratio_);
  if (count == 0) return;
  float *all = layer_.data(), *sorted = scratch_.data();
  std::copy_n(all, n, sorted);
  std::nth_element(sorted, sorted + count - 1, sorted + n);
  const float limit = sorted[count - 1];
  // Of those that equal the limit, the first ones.
  size_t equal = count - size_t(std::count_if(sorted, sorted + count, [&](float x) { return x < limit; }));
  for (size_t i = 0; i < n; ++i) {
    const bool discard = all[i] < limit || (all[i] == limit && equal > 0);
    if (all[i] == limit && equal > 0) --equal;
    if (discard && i > 0) all[i] = 0;
  }
}

void AttentionRollout::normalize_rows() {
  for (size_t row = 0; row < tokens_; ++row) {
    float* values = layer_.data() + row * tokens_;
    values[row] += 1;
    double sum = 0;
    for (size_t i = 0; i < tokens_; ++i) sum += double(values[i]);
    const float scale = float(1 / sum);  // the halves cancel
    for (size_t i = 0; i < tokens_; ++i) values[i] *= scale;
  }
}

// a · b, all (tokens, tokens). A few columns of b are packed, and all rows of a pass over them.
void AttentionRollout::multiply(const float* a, const float* b, float* product) const {
  const GemmKernel& gemm = GemmKernel::get();
  parallel_for(tokens_, gemm.nr(), [&](size_t first, size_t count) {
    Buffer packed(gemm.panel_size(tokens_));
    float* to = packed.data() + gemm.nr();  // behind the bias of zeros
    for (size_t k = 0; k < tokens_; ++k, to += gemm.nr()) std::copy_n(b + k * tokens_ + first, count, to);
    for (size_t row = 0; row < tokens_; row += gemm.mr()) {
      gemm.run(std::min(gemm.mr(), tokens_ - row), count, tokens_, a + row * tokens_, tokens_, packed.data(),
               product + row * tokens_ + first, tokens_);
    }
  });
}

}  // namespace vitreous

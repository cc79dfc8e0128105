// timm's VisionTransformer: images in; class scores, embedding, tokens, block outputs or attention maps out.
#pragma once

#include <vector>

#include "base/buffer.h"
#include "base/profile.h"
#include "model/attention.h"
#include "model/config.h"
#include "model/weights.h"

namespace vitreous {

// What a forward writes. Null or empty: not asked for, and not computed where that saves work.
// `batch` is the first dimension of all of them.
struct Outputs {
  struct BlockOutput {
    int block;      // 0 … depth-1
    bool norm;      // apply the model's final norm to it, unless that is behind the pooling (fc_norm)
    float* tokens;  // (batch, tokens, dim)
  };
  struct AttentionMap {
    int block;
    float* maps;  // (batch, heads, patches): CLS → patch, after the softmax
  };

  // Both with a dimension `tokens` after the batch where the configuration pools nothing (global_pool '').
  float* pooled = nullptr;  // (batch, dim): forward_head(forward_features(x), pre_logits=True)
  float* logits = nullptr;  // (batch, num_classes): forward(x)
  float* tokens = nullptr;  // (batch, tokens, dim): forward_features(x)
  std::vector<BlockOutput> blocks = {};
  std::vector<AttentionMap> attention = {};
};

class VisionTransformer {
 public:
  VisionTransformer(const VitConfig& config, VitWeights weights);

  const VitConfig& config() const { return config_; }

  // Milliseconds of each stage of the last forward.
  const Profile& profile() const { return profile_; }

  // images: (batch, 3, image_height, image_width), normalised. Images are taken a few at a time, so memory
  // does not grow with the batch. Throws INVALID_ARGUMENT for a block that does not exist, NO_HEAD for logits
  // without a head.
  void forward(const float* images, size_t batch, const Outputs& outputs);

  // timm's forward_head on the result of forward_features.
  //   tokens: (batch, tokens, dim) → out: (batch, num_classes), or (batch, dim) with pre_logits or without a
  //   classifier; with global_pool '' as `pooled` and `logits` above
  void forward_head(const float* tokens, size_t batch, bool pre_logits, float* out) const;

  // timm's get_classifier; false without one.
  const Head& classifier() const { return weights_.head; }

  // timm's reset_classifier: another classifier, or none for 0 classes. The norm stays where it is (fc_norm).
  //   weight: (num_classes, dim), bias: (num_classes), or null for zeros; timm takes random ones
  void reset_classifier(int num_classes, GlobalPool global_pool, const float* weight, const float* bias);

 private:
  void plan(size_t images);
  void forward_some(const float* images, size_t first, size_t batch, const Outputs& outputs);
  void check(const Outputs& outputs) const;
  void extract_patches(const float* images, size_t batch, float* patches) const;
  void add_positions(const float* patches, size_t batch, float* x) const;
  size_t keep_cls_rows(size_t batch, float* x) const;
  void pool(const float* tokens, size_t batch, size_t N, float* pooled) const;
  void classifier_features(const float* tokens, size_t batch, size_t N, float* features) const;
  void collect_cls_tokens(size_t block, size_t batch, size_t rows);

  VitConfig config_;
  VitWeights weights_;
  Attention attention_;
  Profile profile_;
  size_t images_at_once_;
  // For as many rows (tokens) as a group of images has:
  Buffer x_;           // (rows, dim): the residual stream
  Buffer y_;           // (rows, dim): what a norm or the attention gives
  Buffer wide_;        // (rows, max(patch_values, 3 · dim, mlp_dim)): patches, qkv and MLP take turns
  LayerInput input_;   // y_ as the input of qkv, proj and fc1
  LayerInput hidden_;  // wide_ as the input of fc2
  Buffer features_;    // (images, features): what the classifier takes
};

}  // namespace vitreous

#include "model/vit.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/kernels.h"
#include "model/layout.h"

namespace vitreous {
namespace {

// Several images in one pass read the weights once for all of them; past about this many tokens that gains
// nothing more and only costs memory.
constexpr size_t kTokensAtOnce = 1024;

// One past the last block that is wanted; 0 if none is.
template <typename Wanted>
size_t last_block(const std::vector<Wanted>& all) {
  size_t last = 0;
  for (const Wanted& wanted : all) last = std::max(last, size_t(wanted.block) + 1);
  return last;
}

}  // namespace

VisionTransformer::VisionTransformer(const VitConfig& config, VitWeights weights)
    : config_(config),
      weights_(std::move(weights)),
      attention_(config),
      images_at_once_(std::max<size_t>(1, kTokensAtOnce / size_t(config.tokens()))) {}

void VisionTransformer::forward(const float* images, size_t batch, const Outputs& outputs) {
  check(outputs);
  // The buffers are planned for the largest group of images seen: one photo at a time never pays for five.
  const size_t group = std::min(batch, images_at_once_);
  plan(group);
  profile_.start();
  for (size_t first = 0; first < batch; first += group) {
    forward_some(images, first, std::min(group, batch - first), outputs);
  }
}

void VisionTransformer::plan(size_t images) {
  const size_t dim = size_t(config_.dim), mlp = size_t(config_.mlp_dim);
  const size_t rows = images * size_t(config_.tokens());
  if (x_.size() >= rows * dim) return;
  x_ = Buffer(rows * dim);
  y_ = Buffer(rows * dim);
  wide_ = Buffer(rows * std::max({size_t(config_.patch_values()), 3 * dim, mlp}));
  input_ = LayerInput(rows, dim, y_.data(), config_.arithmetic);
  hidden_ = LayerInput(rows, mlp, wide_.data(), config_.arithmetic);
  features_ = Buffer(images * std::max(weights_.head.features(dim), size_t(config_.pooled_tokens()) * dim));
}

// The forward, line by line as in timm/models/vision_transformer.py. B images, N tokens, D = dim, H heads.
void VisionTransformer::forward_some(const float* images, size_t first, size_t B, const Outputs& outputs) {
  const VitWeights& w = weights_;
  const size_t N = size_t(config_.tokens()), D = size_t(config_.dim), H = size_t(config_.heads);
  const size_t patches = size_t(config_.patches());
  float *x = x_.data(), *y = y_.data(), *wide = wide_.data();
  images += first * 3 * size_t(config_.image_height) * size_t(config_.image_width);

  // x = self.patch_embed(x)
  extract_patches(images, B, wide);  // (B·patches, 3·P·P)
  profile_.lap(Stage::kPatches);
  w.patch_embed.run(B * patches, wide, y);  // (B·patches, D)
  // x = self._pos_embed(x)
  add_positions(y, B, x);  // (B, N, D)
  // x = self.norm_pre(x)
  if (config_.pre_norm) w.norm_pre.run(B * N, x, x);
  profile_.lap(Stage::kPatchEmbed);

  const size_t last_attention = last_block(outputs.attention), last_output = last_block(outputs.blocks);
  // Without these the forward stops at the last block that is wanted (timm: stop_early).
  const bool to_the_end = outputs.pooled != nullptr || outputs.logits != nullptr || outputs.tokens != nullptr;

  const Epilogue activation =
      config_.activation == Activation::kGelu ? Epilogue::kGelu : Epilogue::kQuickGelu;
  size_t rows = B * N;
  for (size_t i = 0; i < w.blocks.size(); ++i) {
    const Block& block = w.blocks[i];
    // After the last attention only the CLS token is looked at, unless all tokens are asked for or pooled.
    const bool cls_only = i + 1 == w.blocks.size() && outputs.tokens == nullptr && outputs.blocks.empty() &&
                          config_.global_pool == GlobalPool::kToken &&
                          !(outputs.logits != nullptr && w.head.patch_mean);
    const size_t queries = cls_only ? 1 : N;

    // x = x + self.ls1(self.attn(self.norm1(x)))
    block.norm1.run(rows, x, input_);  // (B, N, D)
    profile_.lap(Stage::kNorm);
    block.qkv.run(rows, input_, wide);  // (B, N, 3·D)
    profile_.lap(Stage::kQkv);
    float* maps = nullptr;
    for (const auto& wanted : outputs.attention) {
      if (size_t(wanted.block) == i) maps = wanted.maps + first * H * patches;
    }
    attention_.run(wide, B, queries, input_.data(), maps);  // (B, queries, D)
    if (!to_the_end && i + 1 == last_attention && i + 1 > last_output) return;
    if (cls_only) rows = keep_cls_rows(B, x);  // from here on (B, 1, D)
    input_.commit(rows);
    profile_.lap(Stage::kAttention);
    block.proj.run(rows, input_, x, Epilogue::kAdd);  // (B, N, D)
    profile_.lap(Stage::kProj);

    // x = x + self.ls2(self.mlp(self.norm2(x)))
    block.norm2.run(rows, x, input_);  // (B, N, D)
    profile_.lap(Stage::kNorm);
    block.fc1.run(rows, input_, wide, activation);  // (B, N, mlp)
    hidden_.commit(rows);
    profile_.lap(Stage::kFc1Gelu);
    block.fc2.run(rows, hidden_, x, Epilogue::kAdd);  // (B, N, D)
    profile_.lap(Stage::kFc2);

    if (outputs.logits != nullptr) collect_cls_tokens(i, B, rows);
    for (const auto& wanted : outputs.blocks) {
      if (size_t(wanted.block) != i) continue;
      float* to = wanted.tokens + first * N * D;
      if (wanted.norm && !config_.fc_norm) {
        w.norm.run(rows, x, to);
      } else {
        std::memcpy(to, x, rows * D * sizeof(float));
      }
    }
    if (!to_the_end && i + 1 == last_output && i + 1 >= last_attention) return;
  }

  // x = self.norm(x)
  const float* tokens = x;  // (B, N, D)
  if (!config_.fc_norm) {
    w.norm.run(rows, x, y);
    tokens = y;
  }
  if (outputs.tokens != nullptr)
    std::memcpy(outputs.tokens + first * N * D, tokens, rows * D * sizeof(float));
  // x = self.fc_norm(self.pool(x))
  const size_t P = size_t(config_.pooled_tokens());
  if (outputs.pooled != nullptr) pool(tokens, B, rows / B, outputs.pooled + first * P * D);  // (B, D)
  // x = self.head(x)
  if (outputs.logits != nullptr) {
    classifier_features(tokens, B, rows / B, features_.data());
    w.head.linear.run(B * P, features_.data(), outputs.logits + first * P * w.head.linear.out());
  }
  profile_.lap(Stage::kHead);
}

void VisionTransformer::forward_head(const float* tokens, size_t batch, bool pre_logits, float* out) const {
  const size_t N = size_t(config_.tokens()), D = size_t(config_.dim);
  const Head& head = weights_.head;
  if (pre_logits || !head) return pool(tokens, batch, N, out);
  if (!head.needs_last_block_only()) {
    throw Error(code::kUnsupported, "This classifier takes the CLS tokens of the last " +
                                        std::to_string(head.blocks) +
                                        " blocks, not the last tokens alone: use forward or classify.");
  }
  const size_t P = size_t(config_.pooled_tokens());
  Buffer features(batch * std::max(head.features(D), P * D));
  classifier_features(tokens, batch, N, features.data());
  head.linear.run(batch * P, features.data(), out);
}

void VisionTransformer::reset_classifier(int num_classes, GlobalPool global_pool, const float* weight,
                                         const float* bias) {
  VitConfig config = config_;
  config.num_classes = num_classes;
  config.global_pool = global_pool;
  config.check();
  Head head;
  if (num_classes > 0) {
    const size_t D = size_t(config.dim), classes = size_t(num_classes);
    const std::vector<float> zeros(weight == nullptr ? classes * D : bias == nullptr ? classes : 0);
    head.linear =
        Linear(D, classes, weight != nullptr ? weight : zeros.data(), bias != nullptr ? bias : zeros.data());
  }
  config_ = config;
  weights_.head = std::move(head);
  x_ = {};  // the next forward plans anew
}

// timm's pool and fc_norm. tokens: (batch, N, dim), N = 1 where only the CLS token is left → pooled: (batch,
// dim), or with global_pool '' (batch, N, dim)
void VisionTransformer::pool(const float* tokens, size_t batch, size_t N, float* pooled) const {
  const size_t D = size_t(config_.dim), prefix = size_t(config_.prefix_tokens());
  switch (config_.global_pool) {
    case GlobalPool::kToken:
      for (size_t b = 0; b < batch; ++b) std::copy_n(tokens + b * N * D, D, pooled + b * D);
      break;
    case GlobalPool::kAvg:
      for (size_t b = 0; b < batch; ++b) patch_mean(tokens + b * N * D, N, prefix, D, pooled + b * D);
      break;
    case GlobalPool::kNone:
      std::copy_n(tokens, batch * N * D, pooled);
      break;
  }
  if (config_.fc_norm) weights_.norm.run(batch * size_t(config_.pooled_tokens()), pooled, pooled);
}

// What the classifier takes, as far as it follows from the last tokens: those of a probe on several blocks
// are there already.
void VisionTransformer::classifier_features(const float* tokens, size_t batch, size_t N,
                                            float* features) const {
  const Head& head = weights_.head;
  const size_t D = size_t(config_.dim), prefix = size_t(config_.prefix_tokens());
  if (head.patch_mean) {
    for (size_t b = 0; b < batch; ++b) {
      interleave_patch_mean(tokens + b * N * D, N, prefix, D, features + 2 * b * D);
    }
  } else if (head.needs_last_block_only()) {
    pool(tokens, batch, N, features);
  }
}

// The convolution of patch_embed, whose stride is its kernel, is a linear layer over these:
// patches: (batch · grid_height · grid_width, 3 · patch · patch), each in the kernel's order (channel, y, x).
void VisionTransformer::extract_patches(const float* images, size_t batch, float* patches) const {
  const size_t P = size_t(config_.patch_size), W = size_t(config_.image_width),
               HW = W * size_t(config_.image_height);
  for (size_t b = 0; b < batch; ++b, images += 3 * HW) {
    for (size_t gy = 0; gy < size_t(config_.grid_height()); ++gy) {
      for (size_t gx = 0; gx < size_t(config_.grid_width()); ++gx) {
        for (size_t channel = 0; channel < 3; ++channel) {
          for (size_t y = 0; y < P; ++y, patches += P) {
            std::memcpy(patches, images + channel * HW + (gy * P + y) * W + gx * P, P * sizeof(float));
          }
        }
      }
    }
  }
}

// x = torch.cat([cls_token, reg_token, patches], dim=1) + pos_embed, where that is the patches' only or
// everyone's
void VisionTransformer::add_positions(const float* patches, size_t batch, float* x) const {
  const VitWeights& w = weights_;
  const size_t patch_floats = size_t(config_.patches() * config_.dim);
  for (size_t b = 0; b < batch; ++b, patches += patch_floats) {
    float* const start = x;
    x = std::copy(w.cls_token.begin(), w.cls_token.end(), x);
    x = std::copy(w.reg_token.begin(), w.reg_token.end(), x);
    float* const first_patch = x;
    x = std::copy_n(patches, patch_floats, x);
    add(w.pos_embed.size(), config_.no_embed_class ? first_patch : start, w.pos_embed.data());
  }
}

// Moves the CLS rows of x (batch, tokens, dim) together to (batch, 1, dim); returns the number of rows.
size_t VisionTransformer::keep_cls_rows(size_t batch, float* x) const {
  const size_t N = size_t(config_.tokens()), D = size_t(config_.dim);
  for (size_t b = 1; b < batch; ++b) std::memcpy(x + b * D, x + b * N * D, D * sizeof(float));
  return batch;
}

// The normed CLS tokens of a block, where the classifier takes those of several. rows: of x, for the whole
// batch
void VisionTransformer::collect_cls_tokens(size_t block, size_t batch, size_t rows) {
  const Head& head = weights_.head;
  const size_t D = size_t(config_.dim), first = weights_.blocks.size() - size_t(head.blocks);
  if (head.needs_last_block_only() || block < first) return;
  for (size_t b = 0; b < batch; ++b) {
    float* features = features_.data() + b * head.features(D) + (block - first) * D;
    weights_.norm.run_row(x_.data() + b * (rows / batch) * D, features);
  }
}

void VisionTransformer::check(const Outputs& outputs) const {
  auto check_block = [&](int block) {
    if (block < 0 || block >= config_.depth) {
      throw Error(code::kInvalidArgument, "Block " + std::to_string(block) +
                                              " does not exist: " + config_.name + " has blocks 0 to " +
                                              std::to_string(config_.depth - 1) + ".");
    }
  };
  for (const auto& wanted : outputs.blocks) check_block(wanted.block);
  for (const auto& wanted : outputs.attention) check_block(wanted.block);
  if (outputs.logits != nullptr && !weights_.head) {
    throw Error(code::kNoHead,
                config_.name + " has no classifier: use its embedding, or load a checkpoint with a head.");
  }
}

}  // namespace vitreous

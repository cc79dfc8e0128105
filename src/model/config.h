// What a Vision Transformer is made of. Names are those of timm's VisionTransformer.
#pragma once

#include <string>

namespace vitreous {

// Of the blocks' linear layers; everything else is float32 always.
enum class Arithmetic {
  kFp32,  // timm's numbers
  kInt8,  // 8-bit weights per output channel, 12-bit activations per token: see quant/quantize.h
};

// What becomes of the tokens before the classifier (timm: global_pool).
enum class GlobalPool {
  kToken,  // the CLS token: 'token'
  kAvg,    // the mean of the patches' tokens: 'avg'
  kNone,   // all of them stay: ''
};

// Of the MLPs (timm: act_layer).
enum class Activation {
  kGelu,       // x · Φ(x), exact
  kQuickGelu,  // x · σ(1.702 x), OpenAI's CLIP
};

struct VitConfig {
  std::string name;
  Arithmetic arithmetic = Arithmetic::kFp32;
  int image_height = 224;
  int image_width = 224;
  // The image size of the checkpoint's position embeddings, which are resampled for another; 0: the same.
  int pretrained_height = 0, pretrained_width = 0;
  int patch_size = 16;
  int dim = 768;
  int depth = 12;
  int heads = 12;
  int mlp_dim = 3072;
  int num_classes = 0;  // 0: no classifier, `forward` gives the pooled embedding
  float norm_eps = 1e-6f;
  bool layer_scale = false;     // DINOv2: a learned factor for each channel of what attention and MLP add
  int reg_tokens = 0;           // DINOv2 with registers: learned tokens between CLS and the patches
  bool no_embed_class = false;  // only the patches have position embeddings, CLS and registers do not
  bool pre_norm = false;        // CLIP: a norm before the first block, and no bias in the patch embedding
  Activation activation = Activation::kGelu;
  GlobalPool global_pool = GlobalPool::kToken;
  bool fc_norm = false;  // the final norm comes after the pooling instead of before

  // Throws INVALID_ARGUMENT, naming the field, for a model that cannot be: a config may come from a file.
  void check() const;

  int grid_height() const { return image_height / patch_size; }
  int grid_width() const { return image_width / patch_size; }
  int patches() const { return grid_height() * grid_width(); }
  int prefix_tokens() const { return 1 + reg_tokens; }  // CLS, then the registers
  int tokens() const { return prefix_tokens() + patches(); }
  int pooled_tokens() const { return global_pool == GlobalPool::kNone ? tokens() : 1; }
  int head_dim() const { return dim / heads; }
  int patch_values() const { return 3 * patch_size * patch_size; }
};

}  // namespace vitreous

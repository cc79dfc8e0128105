// What a Vision Transformer is made of. Names are those of timm's VisionTransformer.
#pragma once

#include <string>

namespace vitreous {

// Of the blocks' linear layers; everything else is float32 always.
enum class Arithmetic {
  kFp32,  // timm's numbers
  kInt8,  // 8-bit weights per output channel, 12-bit activations per token: see quant/quantize.h
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
  bool layer_scale = false;  // DINOv2: a learned factor for each channel of what attention and MLP add

  // Throws INVALID_ARGUMENT, naming the field, for a model that cannot be: a config may come from a file.
  void check() const;

  int grid_height() const { return image_height / patch_size; }
  int grid_width() const { return image_width / patch_size; }
  int patches() const { return grid_height() * grid_width(); }
  int tokens() const { return 1 + patches(); }  // CLS first
  int head_dim() const { return dim / heads; }
  int patch_values() const { return 3 * patch_size * patch_size; }
};

}  // namespace vitreous

#include "model/registry.h"

#include "base/error.h"

namespace vitreous {
namespace {

constexpr std::string_view kDino = "DINO self-supervised ViT (Caron et al. 2021), facebookresearch/dino";
constexpr std::string_view kPlain = "ViT trained elsewhere: bring its checkpoint";

VitConfig vit(const char* name, int patch_size, int dim, int depth, int heads, int num_classes = 0) {
  VitConfig config;
  config.name = name;
  config.patch_size = patch_size;
  config.dim = dim;
  config.depth = depth;
  config.heads = heads;
  config.mlp_dim = 4 * dim;
  config.num_classes = num_classes;
  return config;
}

// timm's _cfg() defaults for these models: 224 px, crop_pct 0.9, bicubic, ImageNet mean and std (the DINO
// entries) or 0.5 (the plain ones). DataConfig's own defaults are the former.
DataConfig half() {
  DataConfig data;
  data.mean = data.std = {0.5f, 0.5f, 0.5f};
  return data;
}

constexpr std::string_view kDinov2 =
    "DINOv2 self-supervised ViT (Oquab et al. 2023), facebookresearch/dinov2";

VitConfig dinov2(const char* name, int dim, int heads) {
  VitConfig config = vit(name, 14, dim, 12, heads);
  config.image_height = config.image_width = 518;
  config.layer_scale = true;
  return config;
}

DataConfig uncropped_518() {
  DataConfig data;
  data.height = data.width = 518;
  data.crop_pct = 1;
  return data;
}

const ModelEntry kModels[] = {
    // name, patch, dim, depth, heads, classes
    {vit("vit_small_patch16_224.dino", 16, 384, 12, 6), {}, kDino},
    {vit("vit_small_patch8_224.dino", 8, 384, 12, 6), {}, kDino},
    {vit("vit_base_patch16_224.dino", 16, 768, 12, 12), {}, kDino},
    {vit("vit_base_patch8_224.dino", 8, 768, 12, 12), {}, kDino},
    {dinov2("vit_small_patch14_dinov2.lvd142m", 384, 6), uncropped_518(), kDinov2},
    {dinov2("vit_base_patch14_dinov2.lvd142m", 768, 12), uncropped_518(), kDinov2},
    {vit("vit_nano_patch16_224", 16, 256, 6, 4, 1000),
     {},
     "Small stand-in packaged for trying things offline; not DINO"},
    // The architectures that a config.json in timm-hub layout names, with its model_args on top.
    {vit("vit_tiny_patch16_224", 16, 192, 12, 3, 1000), half(), kPlain},
    {vit("vit_small_patch16_224", 16, 384, 12, 6, 1000), half(), kPlain},
    {vit("vit_small_patch8_224", 8, 384, 12, 6, 1000), half(), kPlain},
    {vit("vit_base_patch16_224", 16, 768, 12, 12, 1000), half(), kPlain},
    {vit("vit_base_patch8_224", 8, 768, 12, 12, 1000), half(), kPlain},
    {dinov2("vit_small_patch14_dinov2", 384, 6), uncropped_518(), kDinov2},
    {dinov2("vit_base_patch14_dinov2", 768, 12), uncropped_518(), kDinov2},
};

}  // namespace

std::span<const ModelEntry> models() { return kModels; }

const ModelEntry& find_model(std::string_view name) {
  std::string names;
  for (const ModelEntry& entry : kModels) {
    if (entry.config.name == name) return entry;
    names += (names.empty() ? "" : ", ") + entry.config.name;
  }
  throw Error(code::kUnknownModel,
              "There is no model named '" + std::string(name) + "'. Known are: " + names + ".");
}

}  // namespace vitreous

#include "model/registry.h"

#include "base/error.h"

namespace vitreous {
namespace {

// The constructor arguments are those of timm/models/vision_transformer.py and deit.py, each in the function
// that has the architecture's name; preprocessing, classes and licences those of default_cfgs there.

struct Size {
  int dim, depth, heads;
};
constexpr Size kTiny = {192, 12, 3}, kSmall = {384, 12, 6}, kBase = {768, 12, 12};

VitConfig vit(const char* name, Size size, int patch_size, int num_classes = 0) {
  VitConfig config;
  config.name = name;
  config.patch_size = patch_size;
  config.dim = size.dim;
  config.depth = size.depth;
  config.heads = size.heads;
  config.mlp_dim = 4 * size.dim;
  config.num_classes = num_classes;
  return config;
}

VitConfig dinov2(const char* name, Size size, int reg_tokens = 0) {
  VitConfig config = vit(name, size, 14);
  config.image_height = config.image_width = 518;
  config.layer_scale = true;
  config.reg_tokens = reg_tokens;
  config.no_embed_class = reg_tokens > 0;
  return config;
}

// timm runs OpenAI's weights with exact GELU unless the architecture says quickgelu.
VitConfig clip(const char* name, Activation activation, int num_classes = 512) {
  VitConfig config = vit(name, kBase, 16, num_classes);
  config.pre_norm = true;
  config.norm_eps = 1e-5f;
  config.activation = activation;
  return config;
}

// Mean and std of ImageNet, of Inception and of CLIP (timm/data/constants.py).
DataConfig imagenet(int size = 224, double crop_pct = 0.9) {
  DataConfig data;
  data.height = data.width = size;
  data.crop_pct = crop_pct;
  return data;
}

DataConfig inception() {
  DataConfig data = imagenet();
  data.mean = data.std = {0.5, 0.5, 0.5};
  return data;
}

DataConfig openai(double crop_pct) {
  DataConfig data = imagenet(224, crop_pct);
  data.mean = {0.48145466, 0.4578275, 0.40821073};
  data.std = {0.26862954, 0.26130258, 0.27577711};
  return data;
}

constexpr std::string_view kAugreg = "ViT, ImageNet-21k then 1k (Steiner et al. 2021, AugReg)";
constexpr std::string_view kAugreg2 = "ViT, ImageNet-21k by AugReg, then 1k by timm";
constexpr std::string_view kDeit = "DeiT, ImageNet-1k (Touvron et al. 2020)";
constexpr std::string_view kDino = "DINO, self-supervised (Caron et al. 2021)";
constexpr std::string_view kDinov2 = "DINOv2, self-supervised (Oquab et al. 2023)";
constexpr std::string_view kDinov2Reg = "DINOv2 with registers, self-supervised (Darcet et al. 2023)";
constexpr std::string_view kClip = "CLIP's image tower, 512 numbers beside its texts' (Radford et al. 2021)";
constexpr std::string_view kMetaClip = "MetaCLIP's image tower, as CLIP's (Xu et al. 2023)";
constexpr std::string_view kLaion = "CLIP's image tower on LAION-2B, then ImageNet-12k and 1k by timm";

constexpr Activation kGelu = Activation::kGelu, kQuickGelu = Activation::kQuickGelu;

// Of one architecture the first is timm's default.
const ModelEntry kModels[] = {
    {vit("vit_tiny_patch16_224.augreg_in21k_ft_in1k", kTiny, 16, 1000), inception(), kAugreg},
    {vit("vit_small_patch16_224.augreg_in21k_ft_in1k", kSmall, 16, 1000), inception(), kAugreg},
    {vit("vit_small_patch16_224.dino", kSmall, 16), imagenet(), kDino},
    {vit("vit_small_patch8_224.dino", kSmall, 8), imagenet(), kDino},
    {vit("vit_base_patch16_224.augreg2_in21k_ft_in1k", kBase, 16, 1000), inception(), kAugreg2},
    {vit("vit_base_patch16_224.augreg_in21k_ft_in1k", kBase, 16, 1000), inception(), kAugreg},
    {vit("vit_base_patch16_224.dino", kBase, 16), imagenet(), kDino},
    {vit("vit_base_patch8_224.augreg2_in21k_ft_in1k", kBase, 8, 1000), inception(), kAugreg2},
    {vit("vit_base_patch8_224.dino", kBase, 8), imagenet(), kDino},
    {dinov2("vit_small_patch14_dinov2.lvd142m", kSmall), imagenet(518, 1), kDinov2},
    {dinov2("vit_small_patch14_reg4_dinov2.lvd142m", kSmall, 4), imagenet(518, 1), kDinov2Reg},
    {dinov2("vit_base_patch14_dinov2.lvd142m", kBase), imagenet(518, 1), kDinov2},
    {dinov2("vit_base_patch14_reg4_dinov2.lvd142m", kBase, 4), imagenet(518, 1), kDinov2Reg},
    {vit("deit_tiny_patch16_224.fb_in1k", kTiny, 16, 1000), imagenet(), kDeit},
    {vit("deit_small_patch16_224.fb_in1k", kSmall, 16, 1000), imagenet(), kDeit},
    {vit("deit_base_patch16_224.fb_in1k", kBase, 16, 1000), imagenet(), kDeit},
    {clip("vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", kGelu, 1000), openai(0.95), kLaion},
    {clip("vit_base_patch16_clip_224.openai", kGelu), openai(0.9), kClip},
    {clip("vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b", kQuickGelu), openai(1), kMetaClip,
     "cc-by-nc-4.0", "vit_base_patch16_clip_224.metaclip_2pt5b"},
    {clip("vit_base_patch16_clip_quickgelu_224.openai", kQuickGelu), openai(0.9), kClip, "apache-2.0",
     "vit_base_patch16_clip_224.openai"},
    {vit("vit_nano_patch16_224", {256, 6, 4}, 16, 1000), imagenet(),
     "Small stand-in packaged for trying things offline; not DINO", "other"},
};

}  // namespace

std::span<const ModelEntry> models() { return kModels; }

const ModelEntry& find_model(std::string_view name) {
  for (const ModelEntry& entry : kModels) {
    if (entry.config.name == name) return entry;
  }
  std::string names;
  for (const ModelEntry& entry : kModels) {
    const std::string_view known = entry.config.name;
    if (known.substr(0, known.find('.')) == name) return entry;
    names += (names.empty() ? "" : ", ") + entry.config.name;
  }
  throw Error(code::kUnknownModel,
              "There is no model named '" + std::string(name) + "'. Known are: " + names + ".");
}

}  // namespace vitreous

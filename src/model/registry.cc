#include "model/registry.h"

#include <array>
#include <vector>

#include "base/error.h"

namespace vitreous {
namespace {

// The constructor arguments are those of timm/models/vision_transformer.py and deit.py, each in the function
// that has the architecture's name; preprocessing, classes and licences those of default_cfgs there.

// Plain values, which take no code to make; entry_of() says what follows from them.
struct Size {
  int dim, depth, heads;
};
constexpr Size kTiny = {192, 12, 3}, kSmall = {384, 12, 6}, kBase = {768, 12, 12};

struct Vit {
  std::string_view name;
  Size size;
  int patch_size, num_classes = 0;
  int image_size = 224, reg_tokens = 0;
  bool layer_scale = false, pre_norm = false;
  Activation activation = Activation::kGelu;
};

constexpr Vit dinov2(std::string_view name, Size size, int reg_tokens = 0) {
  return {.name = name,
          .size = size,
          .patch_size = 14,
          .image_size = 518,
          .reg_tokens = reg_tokens,
          .layer_scale = true};
}

// timm runs OpenAI's weights with exact GELU unless the architecture says quickgelu.
constexpr Vit clip(std::string_view name, Activation activation, int num_classes = 512) {
  return {.name = name,
          .size = kBase,
          .patch_size = 16,
          .num_classes = num_classes,
          .pre_norm = true,
          .activation = activation};
}

// timm/data/constants.py
struct Pixels {
  std::array<double, 3> mean, std;
  double crop_pct = 0.9;
};
constexpr Pixels imagenet(double crop_pct = 0.9) {
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, crop_pct};
}
constexpr Pixels kInception = {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
constexpr Pixels openai(double crop_pct) {
  return {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}, crop_pct};
}

struct Row {
  Vit vit;
  Pixels pixels;
  std::string_view description;
  std::string_view license = "apache-2.0";
  std::string_view weights = {};
};

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
constexpr Row kModels[] = {
    {{"vit_tiny_patch16_224.augreg_in21k_ft_in1k", kTiny, 16, 1000}, kInception, kAugreg},
    {{"vit_small_patch16_224.augreg_in21k_ft_in1k", kSmall, 16, 1000}, kInception, kAugreg},
    {{"vit_small_patch16_224.dino", kSmall, 16}, imagenet(), kDino},
    {{"vit_small_patch8_224.dino", kSmall, 8}, imagenet(), kDino},
    {{"vit_base_patch16_224.augreg2_in21k_ft_in1k", kBase, 16, 1000}, kInception, kAugreg2},
    {{"vit_base_patch16_224.augreg_in21k_ft_in1k", kBase, 16, 1000}, kInception, kAugreg},
    {{"vit_base_patch16_224.dino", kBase, 16}, imagenet(), kDino},
    {{"vit_base_patch8_224.augreg2_in21k_ft_in1k", kBase, 8, 1000}, kInception, kAugreg2},
    {{"vit_base_patch8_224.dino", kBase, 8}, imagenet(), kDino},
    {dinov2("vit_small_patch14_dinov2.lvd142m", kSmall), imagenet(1), kDinov2},
    {dinov2("vit_small_patch14_reg4_dinov2.lvd142m", kSmall, 4), imagenet(1), kDinov2Reg},
    {dinov2("vit_base_patch14_dinov2.lvd142m", kBase), imagenet(1), kDinov2},
    {dinov2("vit_base_patch14_reg4_dinov2.lvd142m", kBase, 4), imagenet(1), kDinov2Reg},
    {{"deit_tiny_patch16_224.fb_in1k", kTiny, 16, 1000}, imagenet(), kDeit},
    {{"deit_small_patch16_224.fb_in1k", kSmall, 16, 1000}, imagenet(), kDeit},
    {{"deit_base_patch16_224.fb_in1k", kBase, 16, 1000}, imagenet(), kDeit},
    {clip("vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", kGelu, 1000), openai(0.95), kLaion},
    {clip("vit_base_patch16_clip_224.openai", kGelu), openai(0.9), kClip},
    {clip("vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b", kQuickGelu), openai(1), kMetaClip,
     "cc-by-nc-4.0", "vit_base_patch16_clip_224.metaclip_2pt5b"},
    {clip("vit_base_patch16_clip_quickgelu_224.openai", kQuickGelu), openai(0.9), kClip, "apache-2.0",
     "vit_base_patch16_clip_224.openai"},
    {{"vit_nano_patch16_224", {256, 6, 4}, 16, 1000},
     imagenet(),
     "Small stand-in packaged for trying things offline; not DINO",
     "other"},
};

ModelEntry entry_of(const Row& row) {
  const Vit& vit = row.vit;
  VitConfig config;
  config.name = vit.name;
  config.image_height = config.image_width = vit.image_size;
  config.patch_size = vit.patch_size;
  config.dim = vit.size.dim;
  config.depth = vit.size.depth;
  config.heads = vit.size.heads;
  config.mlp_dim = 4 * vit.size.dim;
  config.num_classes = vit.num_classes;
  config.layer_scale = vit.layer_scale;
  config.reg_tokens = vit.reg_tokens;
  config.no_embed_class = vit.reg_tokens > 0;
  config.pre_norm = vit.pre_norm;
  config.norm_eps = vit.pre_norm ? 1e-5f : 1e-6f;
  config.activation = vit.activation;
  DataConfig data;
  data.height = data.width = vit.image_size;
  data.crop_pct = row.pixels.crop_pct;
  data.mean = row.pixels.mean;
  data.std = row.pixels.std;
  return {config, data, row.description, row.license, row.weights};
}

}  // namespace

std::span<const ModelEntry> models() {
  static const std::vector<ModelEntry> entries = [] {
    std::vector<ModelEntry> all;
    for (const Row& row : kModels) all.push_back(entry_of(row));
    return all;
  }();
  return entries;
}

const ModelEntry& find_model(std::string_view name) {
  for (const ModelEntry& entry : models()) {
    if (entry.config.name == name) return entry;
  }
  std::string names;
  for (const ModelEntry& entry : models()) {
    const std::string_view known = entry.config.name;
    if (known.substr(0, known.find('.')) == name) return entry;
    names += (names.empty() ? "" : ", ") + entry.config.name;
  }
  throw Error(code::kUnknownModel,
              "There is no model named '" + std::string(name) + "'. Known are: " + names + ".");
}

}  // namespace vitreous

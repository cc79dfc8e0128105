#include "config.h"

#include "base/error.h"
#include "convert.h"

using emscripten::val;
namespace vt = vitreous;

namespace {

vt::Activation activation(const std::string& name) {
  if (name == "gelu") return vt::Activation::kGelu;
  if (name == "quick_gelu") return vt::Activation::kQuickGelu;
  throw vt::Error(vt::code::kInvalidArgument,
                  "activation '" + name + "' is not known: use 'gelu' or 'quick_gelu'.");
}

vt::Interpolation interpolation(const std::string& name) {
  if (name == "bicubic") return vt::Interpolation::kBicubic;
  if (name == "bilinear") return vt::Interpolation::kBilinear;
  throw vt::Error(vt::code::kInvalidArgument,
                  "interpolation '" + name + "' is not known: use 'bicubic' or 'bilinear'.");
}

vt::CropMode crop_mode(const std::string& name) {
  if (name == "center") return vt::CropMode::kCenter;
  if (name == "squash") return vt::CropMode::kSquash;
  if (name == "border") return vt::CropMode::kBorder;
  throw vt::Error(vt::code::kInvalidArgument,
                  "cropMode '" + name + "' is not known: use 'center', 'squash' or 'border'.");
}

vt::PosEmbedInterpolation pos_embed_interpolation(const std::string& name) {
  if (name == "timm") return vt::PosEmbedInterpolation::kTimm;
  if (name == "dino") return vt::PosEmbedInterpolation::kDino;
  throw vt::Error(vt::code::kInvalidArgument,
                  "posEmbedInterpolation '" + name + "' is not known: use 'timm' or 'dino'.");
}

}  // namespace

vt::GlobalPool global_pool(const std::string& name) {
  if (name == "token") return vt::GlobalPool::kToken;
  if (name == "avg") return vt::GlobalPool::kAvg;
  if (name.empty()) return vt::GlobalPool::kNone;
  throw vt::Error(vt::code::kInvalidArgument,
                  "globalPool '" + name + "' is not known: use 'token', 'avg' or ''.");
}

vt::QkvPart qkv_part(const std::string& name) {
  if (name == "query") return vt::QkvPart::kQuery;
  if (name == "key") return vt::QkvPart::kKey;
  if (name == "value") return vt::QkvPart::kValue;
  throw vt::Error(vt::code::kInvalidArgument,
                  "'" + name + "' is no part of qkv: use 'query', 'key' or 'value'.");
}

vt::HeadFusion head_fusion(const std::string& name) {
  if (name == "mean") return vt::HeadFusion::kMean;
  if (name == "max") return vt::HeadFusion::kMax;
  if (name == "min") return vt::HeadFusion::kMin;
  throw vt::Error(vt::code::kInvalidArgument,
                  "headFusion '" + name + "' is not known: use 'mean', 'max' or 'min'.");
}

vt::VitConfig vit_config(const val& js) {
  vt::VitConfig config;
  config.name = field<std::string>(js, "name");
  config.image_height = field<int>(js, "imageHeight");
  config.image_width = field<int>(js, "imageWidth");
  config.pretrained_height = field<int>(js, "pretrainedHeight");
  config.pretrained_width = field<int>(js, "pretrainedWidth");
  config.patch_size = field<int>(js, "patchSize");
  config.dim = field<int>(js, "dim");
  config.depth = field<int>(js, "depth");
  config.heads = field<int>(js, "heads");
  config.mlp_dim = field<int>(js, "mlpDim");
  config.num_classes = field<int>(js, "numClasses");
  config.norm_eps = field<float>(js, "normEps");
  config.layer_scale = field<bool>(js, "layerScale");
  config.reg_tokens = field<int>(js, "regTokens");
  config.no_embed_class = field<bool>(js, "noEmbedClass");
  config.pre_norm = field<bool>(js, "preNorm");
  config.activation = activation(field<std::string>(js, "activation"));
  config.global_pool = global_pool(field<std::string>(js, "globalPool"));
  config.fc_norm = field<bool>(js, "fcNorm");
  config.dynamic_img_size = field<bool>(js, "dynamicImgSize");
  config.pos_embed_interpolation = pos_embed_interpolation(field<std::string>(js, "posEmbedInterpolation"));
  config.check();
  return config;
}

vt::DataConfig data_config(const val& js) {
  vt::DataConfig config;
  config.height = js["inputSize"][1].as<int>();
  config.width = js["inputSize"][2].as<int>();
  config.interpolation = interpolation(field<std::string>(js, "interpolation"));
  config.crop_pct = field<double>(js, "cropPct");
  config.crop_mode = crop_mode(field<std::string>(js, "cropMode"));
  for (unsigned i = 0; i < 3; ++i) {
    config.mean[i] = js["mean"][i].as<double>();
    config.std[i] = js["std"][i].as<double>();
  }
  return config;
}

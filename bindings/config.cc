#include "config.h"

#include "base/error.h"

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

}  // namespace

vt::GlobalPool global_pool(const std::string& name) {
  if (name == "token") return vt::GlobalPool::kToken;
  if (name == "avg") return vt::GlobalPool::kAvg;
  if (name.empty()) return vt::GlobalPool::kNone;
  throw vt::Error(vt::code::kInvalidArgument,
                  "globalPool '" + name + "' is not known: use 'token', 'avg' or ''.");
}

vt::VitConfig vit_config(const val& js) {
  vt::VitConfig config;
  config.name = js["name"].as<std::string>();
  config.image_height = js["imageHeight"].as<int>();
  config.image_width = js["imageWidth"].as<int>();
  config.pretrained_height = js["pretrainedHeight"].as<int>();
  config.pretrained_width = js["pretrainedWidth"].as<int>();
  config.patch_size = js["patchSize"].as<int>();
  config.dim = js["dim"].as<int>();
  config.depth = js["depth"].as<int>();
  config.heads = js["heads"].as<int>();
  config.mlp_dim = js["mlpDim"].as<int>();
  config.num_classes = js["numClasses"].as<int>();
  config.norm_eps = js["normEps"].as<float>();
  config.layer_scale = js["layerScale"].as<bool>();
  config.reg_tokens = js["regTokens"].as<int>();
  config.no_embed_class = js["noEmbedClass"].as<bool>();
  config.pre_norm = js["preNorm"].as<bool>();
  config.activation = activation(js["activation"].as<std::string>());
  config.global_pool = global_pool(js["globalPool"].as<std::string>());
  config.fc_norm = js["fcNorm"].as<bool>();
  config.check();
  return config;
}

vt::DataConfig data_config(const val& js) {
  vt::DataConfig config;
  config.height = js["inputSize"][1].as<int>();
  config.width = js["inputSize"][2].as<int>();
  config.interpolation = interpolation(js["interpolation"].as<std::string>());
  config.crop_pct = js["cropPct"].as<double>();
  config.crop_mode = crop_mode(js["cropMode"].as<std::string>());
  for (unsigned i = 0; i < 3; ++i) {
    config.mean[i] = js["mean"][i].as<double>();
    config.std[i] = js["std"][i].as<double>();
  }
  return config;
}

// The table of models, for the build to write down (scripts/build.mjs): a module of its own, as no page needs
// it.
#include <emscripten/bind.h>

#include <cmath>
#include <string>

#include "model/registry.h"

using emscripten::val;
namespace vt = vitreous;

namespace {

const char* name_of(vt::GlobalPool pool) {
  return pool == vt::GlobalPool::kToken ? "token" : pool == vt::GlobalPool::kAvg ? "avg" : "";
}

val to_js(const vt::VitConfig& config) {
  val js = val::object();
  js.set("name", config.name);
  js.set("imageHeight", config.image_height);
  js.set("imageWidth", config.image_width);
  js.set("pretrainedHeight", config.image_height);
  js.set("pretrainedWidth", config.image_width);
  js.set("patchSize", config.patch_size);
  js.set("dim", config.dim);
  js.set("depth", config.depth);
  js.set("heads", config.heads);
  js.set("mlpDim", config.mlp_dim);
  js.set("numClasses", config.num_classes);
  // 1e-6f is 0.000001 in JavaScript, not 9.999999974752427e-7.
  js.set("normEps", std::round(double(config.norm_eps) * 1e9) / 1e9);
  js.set("layerScale", config.layer_scale);
  js.set("regTokens", config.reg_tokens);
  js.set("noEmbedClass", config.no_embed_class);
  js.set("preNorm", config.pre_norm);
  js.set("activation", std::string(config.activation == vt::Activation::kGelu ? "gelu" : "quick_gelu"));
  js.set("globalPool", std::string(name_of(config.global_pool)));
  js.set("fcNorm", config.fc_norm);
  return js;
}

val to_js(const vt::DataConfig& config) {
  val js = val::object();
  val input_size = val::array(), mean = val::array(), std = val::array();
  for (int side : {3, config.height, config.width}) input_size.call<void>("push", side);
  for (unsigned i = 0; i < 3; ++i) {
    mean.call<void>("push", config.mean[i]);
    std.call<void>("push", config.std[i]);
  }
  js.set("inputSize", input_size);
  js.set("interpolation", config.interpolation == vt::Interpolation::kBicubic ? "bicubic" : "bilinear");
  js.set("cropPct", config.crop_pct);
  js.set("cropMode", "center");
  js.set("mean", mean);
  js.set("std", std);
  return js;
}

// [{config, data, description, license, hub}]: ModelEntry of web/engine/module.ts.
val models() {
  val list = val::array();
  for (const vt::ModelEntry& entry : vt::models()) {
    val js = val::object();
    js.set("config", to_js(entry.config));
    js.set("data", to_js(entry.data));
    js.set("description", std::string(entry.description));
    js.set("license", std::string(entry.license));
    js.set("hub", std::string(entry.hub()));
    list.call<void>("push", js);
  }
  return list;
}

}  // namespace

EMSCRIPTEN_BINDINGS(models) { emscripten::function("models", &models); }

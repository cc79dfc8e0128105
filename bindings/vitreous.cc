// What crosses between JavaScript and the engine: one class each for the transform, the loader and the model.
// Everything that leaves is a copy; nothing here computes.

#include <emscripten/bind.h>
#include <emscripten/heap.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "convert.h"
#include "image/transform.h"
#include "model/converter.h"
#include "model/layout.h"
#include "model/loader.h"
#include "model/registry.h"
#include "model/vit.h"

namespace {

using namespace vitreous::bindings;

// Of a file, in bytes; negative where it is not known.
std::optional<uint64_t> known(double size) {
  return size < 0 ? std::nullopt : std::optional<uint64_t>(uint64_t(size));
}

constexpr size_t kPushBytes = size_t{1} << 18;

vt::Activation activation(const std::string& name) {
  if (name == "gelu") return vt::Activation::kGelu;
  if (name == "quick_gelu") return vt::Activation::kQuickGelu;
  throw vt::Error(vt::code::kInvalidArgument,
                  "activation '" + name + "' is not known: use 'gelu' or 'quick_gelu'.");
}

vt::GlobalPool global_pool(const std::string& name) {
  if (name == "token") return vt::GlobalPool::kToken;
  if (name == "avg") return vt::GlobalPool::kAvg;
  if (name.empty()) return vt::GlobalPool::kNone;
  throw vt::Error(vt::code::kInvalidArgument,
                  "globalPool '" + name + "' is not known: use 'token', 'avg' or ''.");
}

const char* name_of(vt::GlobalPool pool) {
  return pool == vt::GlobalPool::kToken ? "token" : pool == vt::GlobalPool::kAvg ? "avg" : "";
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

// 0.485f is 0.485 in JavaScript, not 0.48500001430511475.
val shortest(float x) { return val(std::round(double(x) * 1e7) / 1e7); }

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
  js.set("normEps", shortest(config.norm_eps));
  js.set("layerScale", config.layer_scale);
  js.set("regTokens", config.reg_tokens);
  js.set("noEmbedClass", config.no_embed_class);
  js.set("preNorm", config.pre_norm);
  js.set("activation", std::string(config.activation == vt::Activation::kGelu ? "gelu" : "quick_gelu"));
  js.set("globalPool", std::string(name_of(config.global_pool)));
  js.set("fcNorm", config.fc_norm);
  return js;
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

vt::DataConfig data_config(const val& js) {
  vt::DataConfig config;
  config.height = js["inputSize"][1].as<int>();
  config.width = js["inputSize"][2].as<int>();
  config.interpolation = interpolation(js["interpolation"].as<std::string>());
  config.crop_pct = js["cropPct"].as<double>();
  config.crop_mode = crop_mode(js["cropMode"].as<std::string>());
  for (unsigned i = 0; i < 3; ++i) {
    config.mean[i] = js["mean"][i].as<float>();
    config.std[i] = js["std"][i].as<float>();
  }
  return config;
}

val to_js(const vt::DataConfig& config) {
  val js = val::object();
  val input_size = val::array(), mean = val::array(), std = val::array();
  for (int side : {3, config.height, config.width}) input_size.call<void>("push", side);
  for (unsigned i = 0; i < 3; ++i) {
    mean.call<void>("push", shortest(config.mean[i]));
    std.call<void>("push", shortest(config.std[i]));
  }
  js.set("inputSize", input_size);
  js.set("interpolation", config.interpolation == vt::Interpolation::kBicubic ? "bicubic" : "bilinear");
  js.set("cropPct", config.crop_pct);
  js.set("cropMode", "center");
  js.set("mean", mean);
  js.set("std", std);
  return js;
}

// Everything that can be asked for by name: [{config, data, description}].
val models() {
  val list = val::array();
  for (const vt::ModelEntry& entry : vt::models()) {
    val js = val::object();
    js.set("config", to_js(entry.config));
    js.set("data", to_js(entry.data));
    js.set("description", std::string(entry.description));
    list.call<void>("push", js);
  }
  return list;
}

class Transform {
 public:
  explicit Transform(const val& config) : transform_(guard([&] { return data_config(config); })) {}

  // Starts an image; returns the part of it that matters: {x, y, width, height}.
  val begin(int width, int height, int channels) {
    return guard([&] {
      transform_.begin(width, height, channels);
      const vt::Range rows = transform_.needed_rows(), columns = transform_.needed_columns();
      row_bytes_ = size_t(columns.count()) * size_t(channels);
      val box = val::object();
      box.set("x", columns.first);
      box.set("y", rows.first);
      box.set("width", columns.count());
      box.set("height", rows.count());
      return box;
    });
  }
  // Where the next rows of that part go, tightly packed: a view of the engine's memory, good until the next
  // call.
  val room(int rows) {
    return guard([&] {
      rows_.resize(row_bytes_ * size_t(rows));
      return val(emscripten::typed_memory_view(rows_.size(), rows_.data()));
    });
  }
  void push(int rows) {
    guard([&] { transform_.push(rows_.data(), rows); });
  }
  // Float32Array (3, height, width)
  val finish() {
    return guard([&] {
      std::vector<float> planes(size_t{3} * size_t(transform_.config().height) *
                                size_t(transform_.config().width));
      transform_.finish(planes.data());
      return float_array(planes);
    });
  }

 private:
  vt::Transform transform_;
  std::vector<uint8_t> rows_;
  size_t row_bytes_ = 0;
};

class Model {
 public:
  explicit Model(std::unique_ptr<vt::VisionTransformer> vit) : vit_(std::move(vit)) {}

  // images: Float32Array (batch, 3, height, width); request: {pooled, logits, tokens: boolean, blocks:
  // number[], norm, nchw: boolean, attention: number[]}. The result has a Float32Array for each thing asked
  // for; a block's output comes as its patches and its prefix (CLS) token.
  val forward(const val& images, const val& request) {
    return guard([&] {
      const vt::VitConfig& config = vit_->config();
      const size_t image = size_t{3} * size_t(config.image_height) * size_t(config.image_width);
      const size_t batch = length(images) / image;
      const size_t embedding = batch * size_t(config.dim), tokens = embedding * size_t(config.tokens());
      if (batch * image != length(images)) {
        throw vt::Error(vt::code::kInvalidArgument, "The input has " + std::to_string(length(images)) +
                                                        " values, not a multiple of 3 × " +
                                                        std::to_string(config.image_height) + " × " +
                                                        std::to_string(config.image_width) + ".");
      }
      input_.resize(batch * image);
      copy(images, input_.data());

      vt::Outputs outputs;
      std::vector<float> pooled, logits, all_tokens;
      auto want = [&](const char* name, std::vector<float>& values, size_t size) -> float* {
        if (!request[name].as<bool>()) return nullptr;
        values.resize(size);
        return values.data();
      };
      outputs.pooled = want("pooled", pooled, embedding);
      outputs.logits = want("logits", logits, batch * size_t(config.num_classes));
      outputs.tokens = want("tokens", all_tokens, tokens);
      const std::vector<int> block_ids = emscripten::vecFromJSArray<int>(request["blocks"]);
      const std::vector<int> attention_ids = emscripten::vecFromJSArray<int>(request["attention"]);
      std::vector<std::vector<float>> blocks(block_ids.size(), std::vector<float>(tokens));
      std::vector<std::vector<float>> attention(
          attention_ids.size(), std::vector<float>(batch * size_t(config.heads) * size_t(config.patches())));
      for (size_t i = 0; i < block_ids.size(); ++i) {
        outputs.blocks.push_back({block_ids[i], request["norm"].as<bool>(), blocks[i].data()});
      }
      for (size_t i = 0; i < attention_ids.size(); ++i) {
        outputs.attention.push_back({attention_ids[i], attention[i].data()});
      }
      vit_->forward(input_.data(), batch, outputs);

      val result = val::object();
      if (outputs.pooled != nullptr) result.set("pooled", float_array(pooled));
      if (outputs.logits != nullptr) result.set("logits", float_array(logits));
      if (outputs.tokens != nullptr) result.set("tokens", float_array(all_tokens));
      val patches = val::array(), prefixes = val::array();
      for (std::vector<float>& block : blocks) {
        std::vector<float> map(batch * size_t(config.patches()) * size_t(config.dim)), prefix(embedding);
        vt::patch_tokens(block.data(), batch, size_t(config.patches()), size_t(config.dim),
                         request["nchw"].as<bool>(), map.data());
        vt::prefix_tokens(block.data(), batch, size_t(config.patches()), size_t(config.dim), prefix.data());
        patches.call<void>("push", float_array(map));
        prefixes.call<void>("push", float_array(prefix));
        block = {};
      }
      result.set("blocks", patches);
      result.set("prefixes", prefixes);
      result.set("attention", float_arrays(attention));
      return result;
    });
  }

  // tokens: Float32Array (batch, tokens, dim) from a forward
  val forward_head(const val& tokens, bool pre_logits) {
    return guard([&] {
      const vt::VitConfig& config = vit_->config();
      const size_t image = size_t(config.tokens()) * size_t(config.dim);
      const size_t batch = length(tokens) / image;
      if (batch * image != length(tokens)) {
        throw vt::Error(vt::code::kInvalidArgument, "The features have " + std::to_string(length(tokens)) +
                                                        " values, not a multiple of " +
                                                        std::to_string(config.tokens()) + " tokens × " +
                                                        std::to_string(config.dim) + ".");
      }
      std::vector<float> features(length(tokens));
      copy(tokens, features.data());
      const bool head = !pre_logits && config.num_classes > 0;
      std::vector<float> out(batch * size_t(head ? config.num_classes : config.dim));
      vit_->forward_head(features.data(), batch, pre_logits, out.data());
      return float_array(out);
    });
  }

  int num_classes() const { return vit_->config().num_classes; }

  // {stage: milliseconds} of the last forward
  val profile() const {
    val stages = val::object();
    for (size_t i = 0; i < vt::kStageNames.size(); ++i) {
      stages.set(vt::kStageNames[i], vit_->profile().milliseconds()[i]);
    }
    return stages;
  }

 private:
  static val float_arrays(const std::vector<std::vector<float>>& arrays) {
    val list = val::array();
    for (const std::vector<float>& values : arrays) list.call<void>("push", float_array(values));
    return list;
  }

  std::unique_ptr<vt::VisionTransformer> vit_;
  std::vector<float> input_;
};

class Loader {
 public:
  // options: {int8: boolean (arithmetic of the blocks' linear layers), files: number (of the model), head:
  // boolean (a file with a classifier comes too)}
  Loader(const val& config, const val& options)
      : loader_(guard([&] {
          vt::VitConfig vit = vit_config(config);
          vit.arithmetic = options["int8"].as<bool>() ? vt::Arithmetic::kInt8 : vt::Arithmetic::kFp32;
          return std::make_unique<vt::ModelLoader>(vit, size_t(options["files"].as<int>()),
                                                   options["head"].as<bool>());
        })) {}

  // size in bytes, or negative where it is not known; head: this file is the one with the classifier
  void begin_file(double size, bool head) {
    guard([&] { head ? loader_->begin_head(known(size)) : loader_->begin_file(known(size)); });
  }
  void push(const val& bytes) {
    guard([&] {
      push_bytes(bytes, kPushBytes, [&](const uint8_t* piece, size_t n) { loader_->push(piece, n); });
    });
  }
  void end_file() {
    guard([&] { loader_->end_file(); });
  }
  // Of the current file, as its header says; -1 until that has come.
  double expected_bytes() const {
    const std::optional<uint64_t> bytes = loader_->expected_bytes();
    return bytes ? double(*bytes) : -1;
  }
  std::unique_ptr<Model> finish() {
    return guard([&] { return std::make_unique<Model>(loader_->finish()); });
  }

 private:
  std::unique_ptr<vt::ModelLoader> loader_;
};

class Converter {
 public:
  // options: {int8: boolean (else fp16), config: string (the model's config.json), files: number (of the
  // model)}
  Converter(const val& config, const val& options)
      : converter_(guard([&] {
          const vt::FileDtype dtype =
              options["int8"].as<bool>() ? vt::FileDtype::kInt8 : vt::FileDtype::kFp16;
          return std::make_unique<vt::Converter>(vit_config(config), dtype,
                                                 options["config"].as<std::string>(),
                                                 size_t(options["files"].as<int>()));
        })) {}

  // As Loader's.
  void begin_file(double size, bool) {
    guard([&] { converter_->begin_file(known(size)); });
  }
  void push(const val& bytes) {
    guard([&] {
      push_bytes(bytes, kPushBytes, [&](const uint8_t* piece, size_t n) { converter_->push(piece, n); });
    });
  }
  void end_file() {
    guard([&] { converter_->end_file(); });
  }
  void finish() {
    guard([&] { converter_->finish(); });
  }
  // [{offset, bytes: Uint8Array}] since the last call
  val take() {
    return guard([&] {
      val list = val::array();
      for (const vt::Piece& piece : converter_->take()) {
        val js = val::object();
        js.set("offset", double(piece.offset));
        js.set("bytes", byte_array(piece.bytes));
        list.call<void>("push", js);
      }
      return list;
    });
  }

 private:
  std::unique_ptr<vt::Converter> converter_;
};

}  // namespace

EMSCRIPTEN_BINDINGS(vitreous) {
  emscripten::function("models", &models);
  // Returns how many there are then, the caller included: 1 in a build without threads.
  emscripten::function(
      "setThreads", +[](int threads) {
        vt::set_thread_count(size_t(threads));
        return int(vt::thread_count());
      });
  emscripten::function("memoryBytes", +[] { return double(emscripten_get_heap_size()); });
  emscripten::class_<Transform>("Transform")
      .constructor<const val&>()
      .function("begin", &Transform::begin)
      .function("room", &Transform::room)
      .function("push", &Transform::push)
      .function("finish", &Transform::finish);
  emscripten::class_<Loader>("Loader")
      .constructor<const val&, const val&>()
      .function("beginFile", &Loader::begin_file)
      .function("push", &Loader::push)
      .function("endFile", &Loader::end_file)
      .function("expectedBytes", &Loader::expected_bytes)
      .function("finish", &Loader::finish);
  emscripten::class_<Converter>("Converter")
      .constructor<const val&, const val&>()
      .function("beginFile", &Converter::begin_file)
      .function("push", &Converter::push)
      .function("endFile", &Converter::end_file)
      .function("finish", &Converter::finish)
      .function("take", &Converter::take);
  emscripten::class_<Model>("Model")
      .function("forward", &Model::forward)
      .function("forwardHead", &Model::forward_head)
      .function("profile", &Model::profile)
      .property("numClasses", &Model::num_classes);
}

// What crosses between JavaScript and the model's module: one class each for the transform, the loader and
// the model. Everything that leaves is a copy; nothing here computes.

#include <emscripten/bind.h>
#include <emscripten/heap.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config.h"
#include "convert.h"
#include "image/transform.h"
#include "model/converter.h"
#include "model/layout.h"
#include "model/loader.h"
#include "model/vit.h"

namespace {

using namespace vitreous::bindings;

// Of a file, in bytes; negative where it is not known.
std::optional<uint64_t> known(double size) {
  return size < 0 ? std::nullopt : std::optional<uint64_t>(uint64_t(size));
}

// Bytes that the engine may still allocate.
double memory_left() { return double(emscripten_get_heap_max()) - double(mallinfo().uordblks); }

std::string megabytes(double bytes) { return std::to_string(int64_t(bytes / 1e6)); }

constexpr size_t kPushBytes = size_t{1} << 18;

class Transform {
 public:
  explicit Transform(const val& config)
      : transform_(guard([&] { return std::make_unique<vt::Transform>(data_config(config)); })) {}

  // Starts an image; returns the part of it that matters: {x, y, width, height}.
  val begin(int width, int height, int channels) {
    return guard([&] {
      transform_->begin(width, height, channels);
      const vt::Range rows = transform_->needed_rows(), columns = transform_->needed_columns();
      row_bytes_ = size_t(columns.count()) * size_t(channels);
      val box = val::object();
      put(box, "x", columns.first);
      put(box, "y", rows.first);
      put(box, "width", columns.count());
      put(box, "height", rows.count());
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
    guard([&] { transform_->push(rows_.data(), rows); });
  }
  // Float32Array (3, height, width)
  val finish() {
    return guard([&] {
      std::vector<float> planes(size_t{3} * size_t(transform_->config().height) *
                                size_t(transform_->config().width));
      transform_->finish(planes.data());
      return float_array(planes);
    });
  }

 private:
  std::unique_ptr<vt::Transform> transform_;
  std::vector<uint8_t> rows_;
  size_t row_bytes_ = 0;
};

class Model {
 public:
  explicit Model(std::unique_ptr<vt::VisionTransformer> vit) : vit_(std::move(vit)) {}

  // images: Float32Array (batch, 3, height, width); request: ForwardRequest of web/engine/module.ts. The
  // result has a Float32Array for each thing asked for; a block's output comes as its patches and its prefix
  // tokens.
  val forward(const val& images, const val& request) {
    return guard([&] {
      const vt::VitConfig& config = vit_->config();
      const int patch = config.patch_size;
      const vt::Grid grid = {field<int>(request, "height") / patch, field<int>(request, "width") / patch};
      const vt::TokenCount count = {size_t(config.prefix_tokens()), size_t(grid.height) * size_t(grid.width)};
      const size_t N = count.all(), D = size_t(config.dim), H = size_t(config.heads);
      const size_t batch = batch_of(images, count.patches * size_t(config.patch_values()));
      const std::vector<int> block_ids = emscripten::vecFromJSArray<int>(request["blocks"]);
      const std::vector<int> attention_ids = emscripten::vecFromJSArray<int>(request["attention"]);
      const bool full = field<bool>(request, "fullAttention");
      const bool norm = field<bool>(request, "norm"), nchw = field<bool>(request, "nchw");
      const val qkv = request["qkv"], rollout = request["rollout"];
      check_memory(batch, grid,
                   {.blocks = block_ids.size(),
                    .attention = attention_ids.size() * (full ? N : 1),
                    .rollout = !rollout.isUndefined()});
      input_.resize(length(images));
      copy(images, input_.data());

      vt::Outputs outputs;
      const auto want = [](bool wanted, std::vector<float>& values, size_t size) -> float* {
        if (!wanted) return nullptr;
        values.resize(size);
        return values.data();
      };
      std::vector<float> pooled, logits, tokens, parts, mass;
      const size_t rows = batch * config.pooled_tokens(N);
      outputs.pooled = want(field<bool>(request, "pooled"), pooled, rows * D);
      outputs.logits = want(field<bool>(request, "logits"), logits, rows * size_t(config.num_classes));
      outputs.tokens = want(field<bool>(request, "tokens"), tokens, batch * N * D);
      outputs.last_block = field<int>(request, "lastBlock");
      std::vector<std::vector<float>> blocks(block_ids.size()), attention(attention_ids.size());
      for (size_t i = 0; i < block_ids.size(); ++i) {
        outputs.blocks.push_back({block_ids[i], norm, want(true, blocks[i], batch * N * D)});
      }
      for (size_t i = 0; i < attention_ids.size(); ++i) {
        const size_t size = batch * H * (full ? N * N : count.patches);
        outputs.attention.push_back({attention_ids[i], want(true, attention[i], size), full});
      }
      if (!qkv.isUndefined()) {
        outputs.qkv.push_back({field<int>(qkv, "block"), qkv_part(field<std::string>(qkv, "part")),
                               want(true, parts, batch * N * D)});
      }
      if (!rollout.isUndefined()) {
        outputs.rollout = {.fusion = head_fusion(field<std::string>(rollout, "headFusion")),
                           .discard_ratio = field<double>(rollout, "discardRatio"),
                           .mass = want(true, mass, batch * count.patches)};
      }
      vit_->forward(input_.data(), batch, grid, outputs);

      val result = val::object();
      if (outputs.pooled != nullptr) put(result, "pooled", float_array(pooled));
      if (outputs.logits != nullptr) put(result, "logits", float_array(logits));
      if (outputs.tokens != nullptr) put(result, "tokens", float_array(tokens));
      if (!qkv.isUndefined()) put(result, "qkv", float_array(parts));
      if (outputs.rollout) put(result, "rollout", float_array(mass));
      val patches = val::array(), prefixes = val::array();
      for (std::vector<float>& block : blocks) {
        std::vector<float> map(batch * count.patches * D), prefix(batch * count.prefix * D);
        vt::patch_tokens(block.data(), batch, count, D, nchw, map.data());
        vt::prefix_tokens(block.data(), batch, count, D, prefix.data());
        patches.call<void>("push", float_array(map));
        prefixes.call<void>("push", float_array(prefix));
        block = {};
      }
      put(result, "blocks", patches);
      put(result, "prefixes", prefixes);
      put(result, "attention", float_arrays(attention));
      return result;
    });
  }

  // tokens: Float32Array (batch, N, dim) from a forward
  val forward_head(const val& tokens, int N, bool pre_logits) {
    return guard([&] {
      const vt::VitConfig& config = vit_->config();
      const size_t batch = batch_of(tokens, size_t(N) * size_t(config.dim));
      std::vector<float> features(length(tokens));
      copy(tokens, features.data());
      const bool head = !pre_logits && config.num_classes > 0;
      std::vector<float> out(batch * config.pooled_tokens(size_t(N)) *
                             size_t(head ? config.num_classes : config.dim));
      vit_->forward_head(features.data(), batch, size_t(N), pre_logits, out.data());
      return float_array(out);
    });
  }

  // {weight: Float32Array (classes, features), bias: Float32Array}, or undefined without one
  val classifier() const {
    return guard([&] {
      const vt::Linear& linear = vit_->classifier().linear;
      if (!linear) return val::undefined();
      std::vector<float> weight(linear.out() * linear.in()), bias(linear.out());
      linear.unpack(weight.data(), bias.data());
      val js = val::object();
      put(js, "weight", float_array(weight));
      put(js, "bias", float_array(bias));
      return js;
    });
  }
  // weight: Float32Array (classes, dim), bias: Float32Array, or undefined both: zeros
  void reset_classifier(int classes, const std::string& pool, const val& weight, const val& bias) {
    guard([&] {
      const auto given = [](const val& array, std::vector<float>& floats) -> const float* {
        if (array.isUndefined()) return nullptr;
        floats = values<float>(array);
        return floats.data();
      };
      std::vector<float> w, b;
      vit_->reset_classifier(classes, global_pool(pool), given(weight, w), given(bias, b));
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
  // How many inputs of `one` values each an array holds.
  static size_t batch_of(const val& array, size_t one) {
    const size_t n = length(array);
    if (one == 0 || n % one != 0) {
      throw vt::Error(
          vt::code::kInvalidArgument,
          "The input has " + std::to_string(n) + " values, not a multiple of " + std::to_string(one) + ".");
    }
    return n / one;
  }

  static val float_arrays(const std::vector<std::vector<float>>& arrays) {
    val list = val::array();
    for (const std::vector<float>& values : arrays) list.call<void>("push", float_array(values));
    return list;
  }

  struct Wanted {
    size_t blocks;     // outputs of so many
    size_t attention;  // rows of weights for each head
    bool rollout;
  };
  // Said before anything is computed, with what there is memory for: growing memory until there is none would
  // take the page with it.
  void check_memory(size_t batch, vt::Grid grid, const Wanted& wanted) const {
    const double left = memory_left();
    const auto needed = [&](vt::Grid of) {
      const vt::VitConfig& config = vit_->config();
      const double tokens = double(config.prefix_tokens()) + double(of.height) * double(of.width);
      const double input = double(of.height) * of.width * config.patch_values();
      const double outputs =
          tokens * (config.dim * double(wanted.blocks + 2) + double(wanted.attention) * config.heads);
      return vit_->needed_bytes(batch, of, wanted.rollout) +
             double(batch) * (input + outputs) * sizeof(float);
    };
    if (needed(grid) <= left) return;
    int side = std::max(grid.height, grid.width);
    while (side > 1 && needed({side, side}) > left) --side;
    const int patch = vit_->config().patch_size;
    throw vt::Error(vt::code::kOutOfMemory, "Images of " + std::to_string(grid.height * patch) + " × " +
                                                std::to_string(grid.width * patch) + " pixels need " +
                                                megabytes(needed(grid)) + " MB, " + megabytes(left) +
                                                " MB are left: up to " + std::to_string(side * patch) +
                                                " × " + std::to_string(side * patch) + " there is room for " +
                                                std::to_string(batch) + " at once.");
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
          vit.arithmetic = field<bool>(options, "int8") ? vt::Arithmetic::kInt8 : vt::Arithmetic::kFp32;
          auto loader = std::make_unique<vt::ModelLoader>(vit, size_t(field<int>(options, "files")),
                                                          field<bool>(options, "head"));
          check_memory(*loader, vit.arithmetic);
          return loader;
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
  // Said before the first byte comes.
  static void check_memory(const vt::ModelLoader& loader, vt::Arithmetic arithmetic) {
    const double left = memory_left();
    if (loader.needed_bytes() <= left) return;
    const char* advice =
        arithmetic == vt::Arithmetic::kInt8 ? "a smaller model" : "dtype 'int8' or a smaller model";
    throw vt::Error(vt::code::kOutOfMemory, "The model needs about " + megabytes(loader.needed_bytes()) +
                                                " MB, and " + megabytes(left) + " of " +
                                                megabytes(double(emscripten_get_heap_max())) +
                                                " MB are left (maxMemory): use " + advice + ".");
  }

  std::unique_ptr<vt::ModelLoader> loader_;
};

class Converter {
 public:
  // options: {int8: boolean (else fp16), config: string (the model's config.json), files: number (of the
  // model)}
  Converter(const val& config, const val& options)
      : converter_(guard([&] {
          const vt::FileDtype dtype =
              field<bool>(options, "int8") ? vt::FileDtype::kInt8 : vt::FileDtype::kFp16;
          return std::make_unique<vt::Converter>(vit_config(config), dtype,
                                                 field<std::string>(options, "config"),
                                                 size_t(field<int>(options, "files")));
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
        put(js, "offset", double(piece.offset));
        put(js, "bytes",
            val::global("Uint8Array")
                .new_(emscripten::typed_memory_view(piece.bytes.size(), piece.bytes.data())));
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
      .function("classifier", &Model::classifier)
      .function("resetClassifier", &Model::reset_classifier)
      .function("profile", &Model::profile)
      .function("numClasses", &Model::num_classes);
}

#include "model/weights.h"

#include <memory>
#include <utility>

namespace vitreous {
namespace {

// weight: (out, columns), each row multiplied by its gamma
// gamma · (weight · x + bias) = (gamma · weight) · x + gamma · bias
void scale_rows(const std::vector<float>& gamma, std::vector<float>& weight) {
  const size_t columns = weight.size() / gamma.size();
  for (size_t row = 0; row < gamma.size(); ++row) {
    for (size_t i = 0; i < columns; ++i) weight[row * columns + i] *= gamma[row];
  }
}

}  // namespace

BlockLinear::BlockLinear(Arithmetic arithmetic, size_t in, size_t out, const float* weight,
                         const float* bias) {
  if (arithmetic == Arithmetic::kInt8) {
    int8_ = Int8Linear(in, out, weight, bias);
  } else {
    fp32_ = Linear(in, out, weight, bias);
  }
}

BlockLinear::BlockLinear(Arithmetic arithmetic, size_t in, size_t out, const Int8Weight& weight,
                         const float* bias) {
  if (arithmetic == Arithmetic::kInt8) {
    int8_ = Int8Linear(in, out, weight, bias);
  } else {
    fp32_ = Linear(in, out, dequantize(weight).data(), bias);
  }
}

void BlockLinear::run(size_t rows, const LayerInput& x, float* y, Epilogue epilogue) const {
  if (int8_) {
    int8_.run(rows, x.quantized(), y, epilogue);
  } else {
    fp32_.run(rows, x.data(), y, epilogue);
  }
}

WeightsBuilder::WeightsBuilder(const VitConfig& config) : config_(config) {
  const int64_t dim = config.dim, patch = config.patch_size;
  add("cls_token", {1, 1, dim}, weights_.cls_token);
  if (config.reg_tokens > 0) add("reg_token", {1, config.reg_tokens, dim}, weights_.reg_token);
  add_pos_embed();
  add_linear("patch_embed.proj", {dim, 3, patch, patch}, weights_.patch_embed, !config.pre_norm);
  if (config.pre_norm) add_norm("norm_pre", weights_.norm_pre);
  weights_.blocks.resize(size_t(config.depth));
  for (size_t i = 0; i < weights_.blocks.size(); ++i) {
    const std::string name = "blocks." + std::to_string(i) + ".";
    Block& block = weights_.blocks[i];
    add_norm(name + "norm1", block.norm1);
    add_linear(name + "attn.qkv", {3 * dim, dim}, block.qkv);
    add_linear(name + "attn.proj", {dim, dim}, block.proj, config.layer_scale ? name + "ls1.gamma" : "");
    add_norm(name + "norm2", block.norm2);
    add_linear(name + "mlp.fc1", {config.mlp_dim, dim}, block.fc1);
    add_linear(name + "mlp.fc2", {dim, config.mlp_dim}, block.fc2,
               config.layer_scale ? name + "ls2.gamma" : "");
  }
  add_norm(config.fc_norm ? "fc_norm" : "norm", weights_.norm);
  if (config.num_classes > 0) add_linear("head", {config.num_classes, dim}, weights_.head.linear);
}

void WeightsBuilder::add(const std::string& name, std::vector<int64_t> shape, Setter setter) {
  tensors_.push_back({name, std::move(shape)});
  setters_.emplace(name, std::move(setter));
}

void WeightsBuilder::add(const std::string& name, std::vector<int64_t> shape, std::vector<float>& target) {
  add(name, std::move(shape), [&target](std::vector<float>&& values) { target = std::move(values); });
}

void WeightsBuilder::add_pos_embed() {
  const Grid to = {config_.grid_height(), config_.grid_width()};
  const auto pretrained = [&](int pixels, int same) {
    return pixels > 0 ? pixels / config_.patch_size : same;
  };
  const Grid from = {pretrained(config_.pretrained_height, to.height),
                     pretrained(config_.pretrained_width, to.width)};
  const int prefix = config_.no_embed_class ? 0 : config_.prefix_tokens();
  add("pos_embed", {1, prefix + from.height * from.width, config_.dim},
      [this, prefix, from, to](std::vector<float>&& values) {
        // timm resamples those of a model that has been resampled; DINO's code always the checkpoint's.
        const PosEmbedInterpolation interpolation = config_.pos_embed_interpolation;
        const bool keep = from == to || interpolation == PosEmbedInterpolation::kDino;
        weights_.pos_embed_grid = keep ? from : to;
        weights_.pos_embed =
            keep ? std::move(values)
                 : resample_pos_embed(values, size_t(config_.dim), size_t(prefix), from, to, interpolation);
      });
}

void WeightsBuilder::add_norm(const std::string& name, LayerNorm& target) {
  target.eps = config_.norm_eps;
  add(name + ".weight", {config_.dim}, target.weight);
  add(name + ".bias", {config_.dim}, target.bias);
}

template <typename Pack>
void WeightsBuilder::add_linear(const std::string& name, std::vector<int64_t> weight_shape, Parts parts,
                                Pack pack, const std::string& layer_scale) {
  auto pending = std::make_shared<LinearTensors>();
  const int64_t out = weight_shape[0];
  int64_t in = 1;
  for (size_t i = 1; i < weight_shape.size(); ++i) in *= weight_shape[i];

  auto pack_when_whole = [pending, in, out, pack, scaled = !layer_scale.empty()] {
    if (pending->weight.empty() && pending->int8.values.empty()) return;
    if (pending->bias.empty() || (scaled && pending->layer_scale.empty())) return;
    pack(size_t(in), size_t(out), *pending);
    *pending = {};
  };
  add(name + ".weight", std::move(weight_shape), [=](std::vector<float>&& values) {
    pending->weight = std::move(values);
    pack_when_whole();
  });
  if (parts.int8) {
    tensors_.back().int8 = true;
    int8_setters_.emplace(name + ".weight", [=](Int8Weight&& weight) {
      pending->int8 = std::move(weight);
      pack_when_whole();
    });
  }
  if (parts.bias) {
    add(name + ".bias", {out}, [=](std::vector<float>&& values) {
      pending->bias = std::move(values);
      pack_when_whole();
    });
  } else {
    pending->bias.resize(size_t(out));
  }
  if (layer_scale.empty()) return;
  add(layer_scale, {out}, [=](std::vector<float>&& values) {
    pending->layer_scale = std::move(values);
    pack_when_whole();
  });
}

void WeightsBuilder::add_linear(const std::string& name, std::vector<int64_t> weight_shape, Linear& target,
                                bool bias) {
  add_linear(name, std::move(weight_shape), {.bias = bias},
             [&target](size_t in, size_t out, const LinearTensors& tensors) {
               target = Linear(in, out, tensors.weight.data(), tensors.bias.data());
             });
}

void WeightsBuilder::add_linear(const std::string& name, std::vector<int64_t> weight_shape,
                                BlockLinear& target, const std::string& layer_scale) {
  add_linear(
      name, std::move(weight_shape), {.int8 = true},
      [&target, arithmetic = config_.arithmetic](size_t in, size_t out, LinearTensors& tensors) {
        if (!tensors.layer_scale.empty()) {
          // In int8 it goes into the scales, after the rounding: a file of integers gives the same layer.
          if (arithmetic == Arithmetic::kInt8 && !tensors.weight.empty()) {
            tensors.int8 = quantize_weight(out, in, tensors.weight.data());
            tensors.weight = {};
          }
          scale_rows(tensors.layer_scale, tensors.weight.empty() ? tensors.int8.scales : tensors.weight);
          scale_rows(tensors.layer_scale, tensors.bias);
        }
        const float* bias = tensors.bias.data();
        target = tensors.weight.empty() ? BlockLinear(arithmetic, in, out, tensors.int8, bias)
                                        : BlockLinear(arithmetic, in, out, tensors.weight.data(), bias);
      },
      layer_scale);
}

}  // namespace vitreous

// The weights of a Vision Transformer, and how timm's tensor names map onto them.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/config.h"
#include "model/head.h"
#include "model/layer_input.h"
#include "model/layer_norm.h"
#include "model/linear.h"
#include "model/pos_embed.h"
#include "quant/int8_linear.h"
#include "weights/safetensors.h"

namespace vitreous {

// A linear layer of the blocks, in the model's arithmetic.
class BlockLinear {
 public:
  BlockLinear() = default;
  // weight: (out, in), bias: (out)
  BlockLinear(Arithmetic arithmetic, size_t in, size_t out, const float* weight, const float* bias);
  BlockLinear(Arithmetic arithmetic, size_t in, size_t out, const Int8Weight& weight, const float* bias);

  // x: (rows, in), committed → y: (rows, out)
  void run(size_t rows, const LayerInput& x, float* y, Epilogue epilogue = Epilogue::kStore) const;

 private:
  Linear fp32_;  // one of the two
  Int8Linear int8_;
};

struct Block {
  LayerNorm norm1;
  BlockLinear qkv;   // dim → 3 · dim
  BlockLinear proj;  // dim → dim, with ls1 in it
  LayerNorm norm2;
  BlockLinear fc1;  // dim → mlp_dim
  BlockLinear fc2;  // mlp_dim → dim, with ls2 in it
};

struct VitWeights {
  Linear patch_embed;            // 3 · patch² → dim; timm's convolution, whose stride is its kernel
  std::vector<float> cls_token;  // (dim)
  std::vector<float> reg_token;  // (reg_tokens, dim)
  std::vector<float> pos_embed;  // (tokens, dim), or (patches, dim) with no_embed_class
  Grid pos_embed_grid;           // of its patches
  LayerNorm norm_pre;            // with pre_norm
  std::vector<Block> blocks;
  LayerNorm norm;  // of all tokens, or with fc_norm of what they are pooled to
  Head head;
};

// Fills VitWeights tensor by tensor, in any order. A linear layer is packed as soon as its weight and its
// bias are there and the unpacked values are let go, so that the peak stays one tensor above the packed size.
// A layer scale (DINOv2) goes into the weights and the bias of the layer before it: no work in the forward,
// the same packed layers, and as exact, also in int8, whose weights have a scale per output anyway.
class WeightsBuilder {
 public:
  explicit WeightsBuilder(const VitConfig& config);
  WeightsBuilder(const WeightsBuilder&) = delete;  // its setters refer to weights_
  WeightsBuilder& operator=(const WeightsBuilder&) = delete;

  // Every tensor of the model with its shape, as timm's state_dict() has them.
  const std::vector<TensorSpec>& tensors() const { return tensors_; }

  // `name` is one of tensors(), `values` has its number of elements; each comes once.
  void set(const std::string& name, std::vector<float>&& values) { setters_.at(name)(std::move(values)); }
  // The same for a tensor with TensorSpec::int8.
  void set(const std::string& name, Int8Weight&& weight) { int8_setters_.at(name)(std::move(weight)); }

  VitWeights take() { return std::move(weights_); }

 private:
  using Setter = std::function<void(std::vector<float>&&)>;
  void add(const std::string& name, std::vector<int64_t> shape, Setter setter);
  void add(const std::string& name, std::vector<int64_t> shape, std::vector<float>& target);
  void add_pos_embed();
  void add_norm(const std::string& name, LayerNorm& target);
  struct LinearTensors {
    std::vector<float> weight;  // one of the two
    Int8Weight int8;
    std::vector<float> bias;
    std::vector<float> layer_scale;  // a factor for each of the layer's outputs, if the model has one
  };
  struct Parts {
    bool int8 = false;  // the weight may come as integers
    bool bias = true;
  };
  // pack(in, out, tensors) makes the layer. `layer_scale`: the tensor's name.
  template <typename Pack>
  void add_linear(const std::string& name, std::vector<int64_t> weight_shape, Parts parts, Pack pack,
                  const std::string& layer_scale = {});
  void add_linear(const std::string& name, std::vector<int64_t> weight_shape, Linear& target,
                  bool bias = true);
  void add_linear(const std::string& name, std::vector<int64_t> weight_shape, BlockLinear& target,
                  const std::string& layer_scale = {});

  VitConfig config_;
  VitWeights weights_;
  std::vector<TensorSpec> tensors_;
  std::unordered_map<std::string, Setter> setters_;
  std::unordered_map<std::string, std::function<void(Int8Weight&&)>> int8_setters_;
};

}  // namespace vitreous

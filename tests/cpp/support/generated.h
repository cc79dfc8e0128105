// The counter-based generator of weights and inputs that tests/oracle/README.md specifies. It gives the same
// bits as tests/oracle/generated.py (which fed timm) and tests/js/support/generated.mjs;
// tests/goldens/generated/ proves it.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vitreous::test {

using Shape = std::vector<std::size_t>;

struct TensorSpec {
  std::string name;  // timm's state_dict key
  Shape shape;
};

// FNV-1a 32 of the name's UTF-8 bytes.
inline std::uint32_t fnv1a(std::string_view name) {
  std::uint32_t h = 0x811C9DC5u;
  for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return h;
}

// MurmurHash3's 32-bit finalizer.
inline std::uint32_t mix(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

struct Rule {
  float offset, scale;
};

inline Rule rule_for(std::string_view name, const Shape& shape) {
  const std::string_view leaf = name.substr(name.rfind('.') + 1);  // npos + 1 == 0: the whole name
  if (name == "input" || name.starts_with("input.")) return {0.0f, static_cast<float>(std::sqrt(3.0))};
  if (leaf == "bias") return {0.0f, 0.1f};
  if (leaf == "gamma") return {0.5f, 0.2f};
  if (leaf == "pos_embed" || leaf == "cls_token" || leaf == "reg_token")
    return {0.0f, static_cast<float>(0.5 * std::sqrt(3.0))};
  if (leaf == "weight" && shape.size() == 1) return {1.0f, 0.2f};
  if (leaf == "weight") {
    double fan_in = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
    return {0.0f, static_cast<float>(std::sqrt(3.0 / fan_in))};
  }
  throw std::invalid_argument("no rule for the tensor \"" + std::string(name) +
                              "\": see tests/oracle/README.md");
}

// The tensor of that name and shape, C order.
inline std::vector<float> generate(std::string_view name, const Shape& shape) {
  const Rule rule = rule_for(name, shape);
  const std::uint32_t h = fnv1a(name);
  std::size_t count = 1;
  for (std::size_t extent : shape) count *= extent;
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = mix(mix(static_cast<std::uint32_t>(i) * 0x9E3779B9u) ^ h);
    const double unit = (bits >> 8) * 0x1p-23 - 1.0;  // [-1, 1)
    // The product is exact in double, so its one rounding is float's; a float product could be fused with the
    // sum.
    const float scaled = static_cast<float>(unit * double{rule.scale});
    values[i] = rule.offset + scaled;
  }
  return values;
}

// Sum of bits(values[i]) * (2 i + 1) mod 2^32.
inline std::uint32_t checksum(const std::vector<float>& values) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += std::bit_cast<std::uint32_t>(values[i]) * (2 * static_cast<std::uint32_t>(i) + 1);
  return sum;
}

// What the tensors of a timm ViT follow from.
struct VitDims {
  std::size_t dim, depth, patch;
  std::size_t image = 224;
  std::size_t classes = 0;  // 0: no head, as in the DINO checkpoints
  bool layer_scale = false;
  std::size_t registers = 0;
  bool no_embed_class = false;
  bool pre_norm = false;  // and then no bias in the patch embedding
  bool fc_norm = false;   // in the place of norm
};

// Its tensors in timm's state_dict order.
inline std::vector<TensorSpec> vit_tensors(const VitDims& vit) {
  const std::size_t dim = vit.dim, mlp = 4 * vit.dim, grid = vit.image / vit.patch;
  const std::size_t positions = grid * grid + (vit.no_embed_class ? 0 : 1 + vit.registers);
  std::vector<TensorSpec> specs = {{"cls_token", {1, 1, dim}}};
  if (vit.registers > 0) specs.push_back({"reg_token", {1, vit.registers, dim}});
  specs.push_back({"pos_embed", {1, positions, dim}});
  const auto add = [&specs](const std::string& name, const Shape& weight) {
    specs.push_back({name + ".weight", weight});
    specs.push_back({name + ".bias", {weight[0]}});
  };
  add("patch_embed.proj", {dim, 3, vit.patch, vit.patch});
  if (vit.pre_norm) {
    specs.pop_back();
    add("norm_pre", {dim});
  }
  for (std::size_t i = 0; i < vit.depth; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    add(block + "norm1", {dim});
    add(block + "attn.qkv", {3 * dim, dim});
    add(block + "attn.proj", {dim, dim});
    if (vit.layer_scale) specs.push_back({block + "ls1.gamma", {dim}});
    add(block + "norm2", {dim});
    add(block + "mlp.fc1", {mlp, dim});
    add(block + "mlp.fc2", {dim, mlp});
    if (vit.layer_scale) specs.push_back({block + "ls2.gamma", {dim}});
  }
  add(vit.fc_norm ? "fc_norm" : "norm", {dim});
  if (vit.classes > 0) add("head", {vit.classes, dim});
  return specs;
}

}  // namespace vitreous::test

// Models with generated weights, loaded as a checkpoint is: through the safetensors reader, tensor by tensor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/loader.h"
#include "model/registry.h"
#include "support/generated.h"
#include "support/safetensors_file.h"

namespace vitreous::test {

inline std::vector<TensorSpec> generated_tensors(const VitConfig& config) {
  return vit_tensors({.dim = size_t(config.dim),
                      .depth = size_t(config.depth),
                      .patch = size_t(config.patch_size),
                      .image = size_t(config.image_height),
                      .classes = size_t(config.num_classes),
                      .layer_scale = config.layer_scale,
                      .registers = size_t(config.reg_tokens),
                      .no_embed_class = config.no_embed_class,
                      .pre_norm = config.pre_norm,
                      .fc_norm = config.fc_norm});
}

// A model small enough for goldens of many kinds: dim 64, two heads, square images.
inline VitConfig small_config(int image_size, int depth) {
  VitConfig config = find_model("vit_small_patch16_224.dino").config;
  config.image_height = config.image_width = image_size;
  config.dim = 64;
  config.depth = depth;
  config.heads = 2;
  config.mlp_dim = 256;
  return config;
}

// The header of a float32 safetensors file of these tensors, with its length in front.
inline std::string safetensors_head(const std::vector<TensorSpec>& specs) {
  std::string json = "{";
  size_t offset = 0;
  for (const TensorSpec& spec : specs) {
    std::string shape;
    size_t bytes = sizeof(float);
    for (size_t extent : spec.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
      bytes *= extent;
    }
    json += (json.size() > 1 ? ",\"" : "\"") + spec.name + "\":{\"dtype\":\"F32\",\"shape\":[" + shape +
            "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + bytes) + "]}";
    offset += bytes;
  }
  json += "}";
  return little_endian(json.size()) + json;
}

// The whole file.
inline std::string generated_file(const std::vector<TensorSpec>& specs) {
  std::string file = safetensors_head(specs);
  for (const TensorSpec& spec : specs) {
    const std::vector<float> values = generate(spec.name, spec.shape);
    file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  return file;
}

// Gives the loader the model's file tensor by tensor: a full-size one is never held whole.
inline void push_generated(ModelLoader& loader, const VitConfig& config) {
  const std::vector<TensorSpec> specs = generated_tensors(config);
  const std::string head = safetensors_head(specs);
  loader.push(reinterpret_cast<const uint8_t*>(head.data()), head.size());
  for (const TensorSpec& spec : specs) {
    const std::vector<float> values = generate(spec.name, spec.shape);
    loader.push(reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float));
  }
}

inline std::unique_ptr<VisionTransformer> generated_model(const VitConfig& config) {
  ModelLoader loader(config);
  loader.begin_file(std::nullopt);
  push_generated(loader, config);
  loader.end_file();
  return loader.finish();
}

// The generated inputs "input", "input.1", … one after the other: (batch, 3, height, width).
inline std::vector<float> generated_images(const VitConfig& config, size_t batch) {
  std::vector<float> images;
  for (size_t i = 0; i < batch; ++i) {
    const std::string name = i == 0 ? "input" : "input." + std::to_string(i);
    const std::vector<float> image =
        generate(name, {3, size_t(config.image_height), size_t(config.image_width)});
    images.insert(images.end(), image.begin(), image.end());
  }
  return images;
}

}  // namespace vitreous::test

// A checkpoint on its way into a model, or (model/converter.h) into another file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/config.h"
#include "model/vit.h"
#include "model/weights.h"
#include "weights/safetensors.h"

namespace vitreous {

// Takes safetensors files in pieces of any size and hands on each tensor as soon as it is whole. Names,
// shapes and types are checked before the first value is read.
class CheckpointLoader {
 public:
  CheckpointLoader(const CheckpointLoader&) = delete;  // the reader's callbacks refer to this
  CheckpointLoader& operator=(const CheckpointLoader&) = delete;
  virtual ~CheckpointLoader() = default;

  // `size`: in bytes, if known; a file that cannot fit its header is then refused at once.
  void begin_file(std::optional<uint64_t> size);
  // Throws CHECKPOINT_* and TENSOR_* naming the tensor; see weights/safetensors.h and weights/int8_format.h.
  void push(const uint8_t* bytes, size_t n);
  void end_file();

  // What the file that is being read takes in all, as soon as its header has come.
  std::optional<uint64_t> expected_bytes() const;

 protected:
  explicit CheckpointLoader(const VitConfig& config) : config_(config) {}

  const VitConfig& config() const { return config_; }
  // Every tensor of the model with its shape, as timm's state_dict() has them.
  virtual const std::vector<TensorSpec>& tensors() const = 0;
  // Called once for each of tensors(), in the file's order.
  virtual void set(const std::string& name, std::vector<float>&& values) = 0;
  // Called instead where the file has integers and scales (TensorSpec::int8), as soon as both are there.
  virtual void set(const std::string& name, Int8Weight&& weight) = 0;

 private:
  void on_header(Header& header);
  void on_tensor(const std::string& name, std::vector<float>&& values);
  void on_int8_tensor(const std::string& name, std::vector<int8_t>&& values);
  void set_when_whole(const std::string& name);

  VitConfig config_;
  std::unique_ptr<SafetensorsReader> reader_;
  std::unordered_map<std::string, Int8Weight> int8_;  // half of them still missing, by the weight's name
};

// Packs each tensor as it comes: beside the packed weights never more than one is held. (Of int8 files the
// same is true where scales come right before their weights, as `vitreous convert` writes them; weights that
// come before their scales wait for them, a byte a value.)
class ModelLoader : public CheckpointLoader {
 public:
  explicit ModelLoader(const VitConfig& config) : CheckpointLoader(config), builder_(config) {}

  // After the last file; the loader is spent then.
  std::unique_ptr<VisionTransformer> finish();

 private:
  const std::vector<TensorSpec>& tensors() const override { return builder_.tensors(); }
  void set(const std::string& name, std::vector<float>&& values) override;
  void set(const std::string& name, Int8Weight&& weight) override;

  WeightsBuilder builder_;
};

}  // namespace vitreous

// A checkpoint on its way into a model, or (model/converter.h) into another file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/config.h"
#include "model/head.h"
#include "model/vit.h"
#include "model/weights.h"
#include "weights/checkpoint_reader.h"
#include "weights/layouts.h"

namespace vitreous {

// Takes checkpoint files in pieces of any size and hands on each tensor as soon as it is whole. Names, shapes
// and types are checked before the first value is read. The tensors may have the names of another library
// than timm (weights/layouts.h) and be spread over several files in any way.
class CheckpointLoader {
 public:
  CheckpointLoader(const CheckpointLoader&) = delete;  // the reader's callbacks refer to this
  CheckpointLoader& operator=(const CheckpointLoader&) = delete;
  virtual ~CheckpointLoader() = default;

  // `size`: in bytes, if known; a file that cannot fit its header is then refused at once.
  void begin_file(std::optional<uint64_t> size);
  // Throws CHECKPOINT_* and TENSOR_* naming the tensor as the file does; see weights/safetensors.h,
  // weights/torch_reader.h and weights/int8_format.h. A tensor that an earlier file had too is a
  // TENSOR_DUPLICATE.
  void push(const uint8_t* bytes, size_t n);
  void end_file();

  // What the file that is being read takes in all, as soon as its header has come.
  std::optional<uint64_t> expected_bytes() const;

 protected:
  // `files`: how many the model comes in. What is missing is known when the last one's header has come.
  CheckpointLoader(const VitConfig& config, size_t files) : config_(config), files_(files) {}

  const VitConfig& config() const { return config_; }
  // Every tensor of the model with its shape, as timm's state_dict() has them.
  virtual const std::vector<TensorSpec>& tensors() const = 0;
  // Called once for each of tensors(), in the file's order.
  virtual void set(const std::string& name, std::vector<float>&& values) = 0;
  // Called instead where the file has integers and scales (TensorSpec::int8), as soon as both are there.
  virtual void set(const std::string& name, Int8Weight&& weight) = 0;
  // Throws TENSOR_MISSING when there were fewer files than announced. Sets what no file of this layout has.
  void check_complete();

 private:
  // timm's tensor of which some parts are still to come.
  struct Partial {
    std::vector<float> values;
    int parts = 0;  // there
  };

  void check(Header& header, bool more_files);
  void take(const std::string& name, std::vector<float>&& values);
  void take_positions(const LayoutTensor& tensor, std::vector<float>&& values);
  void add_to_class_token(const float* values, size_t n);
  void take_int8(const std::string& name, std::vector<int8_t>&& values);
  void set_when_whole(const std::string& name);

  VitConfig config_;
  size_t files_, begun_ = 0;
  std::unique_ptr<CheckpointReader> reader_;
  std::vector<std::string> names_;                        // of all tensors of the files so far
  std::unordered_map<std::string, Form> used_;            // those of them that are the model's
  std::unordered_map<std::string, LayoutTensor> layout_;  // by name in the file
  std::vector<LayoutTensor> zeros_;                       // those of Form::kZeros
  std::unordered_map<std::string, Partial> partial_;      // by timm's name
  Partial class_token_;                                   // of Form::kClassToken and kPositions
  std::unordered_map<std::string, Int8Weight> int8_;      // half of them still missing, by the weight's name
};

// Packs each tensor as it comes: beside the packed weights never more than one is held. (Of int8 files the
// same is true where scales come right before their weights, as `vitreous convert` writes them; weights that
// come before their scales wait for them, a byte a value.)
class ModelLoader : public CheckpointLoader {
 public:
  // `head`: the classifier comes in a file of its own besides; one in the model's files is left out.
  explicit ModelLoader(const VitConfig& config, size_t files = 1, bool head = false);

  // Begins the file with the classifier.
  void begin_head(std::optional<uint64_t> size);
  void push(const uint8_t* bytes, size_t n);
  void end_file();
  std::optional<uint64_t> expected_bytes() const;

  // About what the packed weights take, the largest tensor beside them, and a forward of one image.
  double needed_bytes() const;

  // After the last file; the loader is spent then. Throws TENSOR_MISSING when there were fewer files.
  std::unique_ptr<VisionTransformer> finish();

 private:
  const std::vector<TensorSpec>& tensors() const override { return builder_.tensors(); }
  void set(const std::string& name, std::vector<float>&& values) override;
  void set(const std::string& name, Int8Weight&& weight) override;

  WeightsBuilder builder_;
  std::unique_ptr<HeadReader> head_reader_;  // between begin_head and end_file
  Head head_;
};

}  // namespace vitreous

// A checkpoint on its way into a model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/config.h"
#include "model/head.h"
#include "model/vit.h"
#include "model/weights.h"
#include "weights/checkpoint_reader.h"
#include "weights/layouts.h"

namespace vitreous {

// Takes checkpoint files in pieces of any size and packs each tensor as soon as it is whole: beside the
// packed weights never more than one tensor is held. Names, shapes and types are checked before the first
// value is read. The tensors may have the names of another library than timm (weights/layouts.h) and be
// spread over several files in any way.
class ModelLoader {
 public:
  // `files`: how many the model comes in. What is missing is known when the last one's header has come.
  // `head`: the classifier comes in a file of its own besides; one in the model's files is left out.
  explicit ModelLoader(const VitConfig& config, size_t files = 1, bool head = false);
  ModelLoader(const ModelLoader&) = delete;  // the reader's callbacks refer to this
  ModelLoader& operator=(const ModelLoader&) = delete;

  // `size`: in bytes, if known; a file that cannot fit its header is then refused at once.
  void begin_file(std::optional<uint64_t> size);
  // The same for the file with the classifier.
  void begin_head(std::optional<uint64_t> size);
  // Throws CHECKPOINT_* and TENSOR_* naming the tensor as the file does; see weights/safetensors.h
  // and weights/torch_reader.h. A tensor
  // that an earlier file had too is a TENSOR_DUPLICATE.
  void push(const uint8_t* bytes, size_t n);
  void end_file();

  // What the file that is being read takes in all, as soon as its header has come.
  std::optional<uint64_t> expected_bytes() const;

  // After the last file; the loader is spent then. Throws TENSOR_MISSING when there were fewer files.
  std::unique_ptr<VisionTransformer> finish();

 private:
  // timm's tensor of which some parts are still to come.
  struct Partial {
    std::vector<float> values;
    int parts = 0;  // there
  };

  void check(Header& header, bool more_files);
  void take(const std::string& name, std::vector<float>&& values);

  VitConfig config_;
  size_t files_, begun_ = 0;
  WeightsBuilder builder_;
  std::unique_ptr<CheckpointReader> reader_;  // one of the two, between begin and end
  std::unique_ptr<HeadReader> head_reader_;
  Head head_;
  std::vector<std::string> names_;                        // of all tensors of the files so far
  std::unordered_set<std::string> used_;                  // those of them that are the model's
  std::unordered_map<std::string, LayoutTensor> layout_;  // by name in the file
  std::unordered_map<std::string, Partial> partial_;      // by timm's name
};

}  // namespace vitreous

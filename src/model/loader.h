// A checkpoint on its way into a model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "model/config.h"
#include "model/vit.h"
#include "model/weights.h"
#include "weights/safetensors.h"

namespace vitreous {

// Takes safetensors files in pieces of any size and packs each tensor as soon as it is whole: beside the
// packed weights never more than one tensor is held. Names, shapes and types are checked before the first
// value is read.
class ModelLoader {
 public:
  explicit ModelLoader(const VitConfig& config);
  ModelLoader(const ModelLoader&) = delete;  // the reader's callbacks refer to this
  ModelLoader& operator=(const ModelLoader&) = delete;

  // `size`: in bytes, if known; a file that cannot fit its header is then refused at once.
  void begin_file(std::optional<uint64_t> size);
  // Throws CHECKPOINT_* and TENSOR_* naming the tensor; see weights/safetensors.h.
  void push(const uint8_t* bytes, size_t n);
  void end_file();

  // What the file that is being read takes in all, as soon as its header has come.
  std::optional<uint64_t> expected_bytes() const;

  // After the last file; the loader is spent then.
  std::unique_ptr<VisionTransformer> finish();

 private:
  VitConfig config_;
  WeightsBuilder builder_;
  std::unique_ptr<SafetensorsReader> reader_;
};

}  // namespace vitreous

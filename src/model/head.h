// The classifier on top: timm's, or one of DINO's linear probes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/linear.h"
#include "weights/checkpoint_reader.h"

namespace vitreous {

// A linear layer over features of the tokens. timm's head takes what the model pools them to (blocks 1);
// facebookresearch/dino's eval_linear.py the CLS tokens of the last n blocks one after the other (ViT-S: 4),
// or the last CLS token and the mean of the last patch tokens, value by value in turn (ViT-B,
// --avgpool_patchtokens).
struct Head {
  Linear linear;  // features → classes; empty without a classifier
  int blocks = 1;
  bool patch_mean = false;

  size_t features(size_t dim) const { return dim * size_t(patch_mean ? 2 : blocks); }
  // Whether the tokens of the last block are enough.
  bool needs_last_block_only() const { return blocks == 1; }
  explicit operator bool() const { return bool(linear); }
};

// tokens: (N, dim), of which the first `prefix` are no patches → mean: (dim)
void patch_mean(const float* tokens, size_t N, size_t prefix, size_t dim, float* mean);

// tokens: as above, normed → features: (2 · dim), the CLS token and the mean of the patches, value by value
// in turn.
void interleave_patch_mean(const float* tokens, size_t N, size_t prefix, size_t dim, float* features);

// Reads a classifier from a file of its own: `linear.weight` (classes, features) and `linear.bias`, as
// eval_linear.py saves them (under `state_dict`, with `module.` before), or `head.*`, `classifier.*`. What
// else the file holds is passed over. Of 2 · dim features the mean of the patch tokens is meant, not two
// blocks.
class HeadReader {
 public:
  // file_size in bytes, if known
  HeadReader(const VitConfig& config, std::optional<uint64_t> file_size);
  HeadReader(const HeadReader&) = delete;  // the reader's callbacks refer to this
  HeadReader& operator=(const HeadReader&) = delete;

  void push(const uint8_t* bytes, size_t n) { reader_.push(bytes, n); }
  std::optional<uint64_t> file_size() const { return reader_.file_size(); }
  // After the last byte. Throws TENSOR_MISSING without a classifier, TENSOR_SHAPE for one that fits no
  // features of this model, UNSUPPORTED for a probe of DINO's on a model that does not pool to the CLS token,
  // and what CheckpointReader throws.
  Head finish();

 private:
  void choose(Header& header);

  VitConfig config_;
  std::string name_;  // of the layer: what is before ".weight" and ".bias"
  int64_t classes_ = 0, features_ = 0;
  std::vector<float> weight_, bias_;
  CheckpointReader reader_;
};

}  // namespace vitreous

// Labels of one video frame carried on to the next ones: facebookresearch/dino eval_video_segmentation.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "recipes/resize.h"

namespace vitreous {

struct PropagationOptions {
  size_t last_frames = 7;    // besides the first one
  size_t neighborhood = 12;  // patches look so far in each direction; 0: everywhere
  size_t topk = 5;
  double temperature = 0.1;
};

class LabelPropagation {
 public:
  LabelPropagation(MapSize grid, size_t dim, const PropagationOptions& options)
      : grid_(grid), dim_(dim), options_(options) {}

  size_t patches() const { return grid_.height * grid_.width; }
  size_t dim() const { return dim_; }

  // features: (patches, dim), labels: (patches), each 0 … classes - 1
  void start(const float* features, const uint8_t* labels, size_t classes);
  // features of the next frame → its soft labels: (classes, patches), each patch's summing to 1
  std::vector<float> next(const float* features);

 private:
  struct Frame {
    std::vector<float> features;  // (patches, dim), of length 1
    std::vector<float> labels;    // (patches, classes)
  };

  std::vector<float> normalized(const float* features) const;
  void propagate(size_t patch, const std::vector<const Frame*>& sources, Frame& frame) const;

  MapSize grid_;
  size_t dim_, classes_ = 0;
  PropagationOptions options_;
  Frame first_;
  std::vector<Frame> last_;  // the oldest first
};

// soft: (classes, patches) → each patch's class with the most; of equal ones the first
std::vector<uint8_t> largest_class(size_t patches, const std::vector<float>& soft);

// soft: (classes, grid) → the class of each pixel, (size): bilinear by whole `patch_size`s, each class scaled
// to 0 … 1, the largest, then nearest to the size; as the original makes its results.
std::vector<uint8_t> segment(size_t classes, MapSize grid, const float* soft, size_t patch_size,
                             MapSize size);

}  // namespace vitreous

#include "recipes/label_propagation.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"
#include "recipes/ranking.h"
#include "recipes/vectors.h"

namespace vitreous {

std::vector<float> LabelPropagation::normalized(const float* features) const {
  std::vector<float> rows(features, features + patches() * dim_);
  for (size_t i = 0; i < patches(); ++i) normalize(dim_, rows.data() + i * dim_);
  return rows;
}

void LabelPropagation::start(const float* features, const uint8_t* labels, size_t classes) {
  classes_ = classes;
  first_ = {normalized(features), std::vector<float>(patches() * classes)};
  for (size_t i = 0; i < patches(); ++i) first_.labels[i * classes + labels[i]] = 1;
  last_.clear();
}

std::vector<float> LabelPropagation::next(const float* features) {
  if (classes_ == 0)
    throw Error(code::kInvalidArgument,
                "There is no first frame: call start(frame, mask) before next(frame).");
  Frame frame = {normalized(features), std::vector<float>(patches() * classes_)};
  std::vector<const Frame*> sources = {&first_};
  for (const Frame& source : last_) sources.push_back(&source);
  parallel_for(patches(), 1, [&](size_t patch, size_t) { propagate(patch, sources, frame); });

  std::vector<float> soft(classes_ * patches());
  for (size_t i = 0; i < patches(); ++i) {
    for (size_t c = 0; c < classes_; ++c) soft[c * patches() + i] = frame.labels[i * classes_ + c];
  }
  last_.push_back(std::move(frame));
  if (last_.size() > options_.last_frames) last_.erase(last_.begin());
  return soft;
}

void LabelPropagation::propagate(size_t patch, const std::vector<const Frame*>& sources, Frame& frame) const {
  const size_t y = patch / grid_.width, x = patch % grid_.width;
  const size_t reach = options_.neighborhood == 0 ? patches() : options_.neighborhood;
  const size_t top = y - std::min(y, reach), bottom = std::min(grid_.height, y + reach + 1);
  const size_t left = x - std::min(x, reach), right = std::min(grid_.width, x + reach + 1);
  struct Source {
    float similarity;
    const float* labels;
  };
  std::vector<Source> near;
  for (const Frame* source : sources) {
    for (size_t sy = top; sy < bottom; ++sy) {
      for (size_t sx = left; sx < right; ++sx) {
        const size_t i = sy * grid_.width + sx;
        near.push_back({dot(dim_, frame.features.data() + patch * dim_, source->features.data() + i * dim_),
                        source->labels.data() + i * classes_});
      }
    }
  }
  std::vector<float> similarities;
  for (const Source& source : near) similarities.push_back(source.similarity);
  const size_t k = std::min(options_.topk, near.size());
  const float least = kth_largest(similarities, k);

  std::vector<double> labels(classes_);
  double sum = 0;
  for (const auto& [similarity, source_labels] : near) {
    if (similarity < least) continue;
    const double weight = std::exp(similarity / options_.temperature);
    sum += weight;
    for (size_t c = 0; c < classes_; ++c) labels[c] += weight * source_labels[c];
  }
  for (size_t c = 0; c < classes_; ++c) frame.labels[patch * classes_ + c] = float(labels[c] / sum);
}

namespace {

// torch.nn.functional.interpolate(mode="bilinear", align_corners=False) along one dimension, enlarging.
struct Sample {
  size_t low, high;
  float part;  // of the higher one
};
Sample sample(size_t i, size_t in, size_t scale) {
  const float at = std::max(0.0f, (float(i) + 0.5f) / float(scale) - 0.5f);
  const size_t low = std::min(size_t(at), in - 1);
  return {low, std::min(low + 1, in - 1), at - float(low)};
}

// The original divides a class that is the same everywhere by zero, and the NaN wins; here its 1 does.
void normalize_class(std::vector<float>& plane) {
  const auto [low, high] = std::minmax_element(plane.begin(), plane.end());
  const float min = *low, range = *high - min;
  if (*high <= 0) return;
  for (float& value : plane) value = range > 0 ? (value - min) / range : 1;
}

}  // namespace

std::vector<uint8_t> largest_class(size_t patches, const std::vector<float>& soft) {
  std::vector<uint8_t> labels(patches);
  for (size_t i = 0; i < soft.size(); ++i) {
    const size_t patch = i % patches;
    if (soft[i] > soft[labels[patch] * patches + patch]) labels[patch] = uint8_t(i / patches);
  }
  return labels;
}

std::vector<uint8_t> segment(size_t classes, MapSize grid, const float* soft, size_t patch_size,
                             MapSize size) {
  const MapSize large = {grid.height * patch_size, grid.width * patch_size};
  std::vector<float> plane(large.height * large.width), best(plane.size(), -1);
  std::vector<uint8_t> labels(plane.size()), out(size.height * size.width);
  for (size_t c = 0; c < classes; ++c, soft += grid.height * grid.width) {
    for (size_t y = 0; y < large.height; ++y) {
      const Sample row = sample(y, grid.height, patch_size);
      for (size_t x = 0; x < large.width; ++x) {
        const Sample column = sample(x, grid.width, patch_size);
        const auto at = [&](size_t r) {
          const float* values = soft + r * grid.width;
          return (1 - column.part) * values[column.low] + column.part * values[column.high];
        };
        plane[y * large.width + x] = (1 - row.part) * at(row.low) + row.part * at(row.high);
      }
    }
    normalize_class(plane);
    for (size_t i = 0; i < plane.size(); ++i) {
      if (plane[i] <= best[i]) continue;
      best[i] = plane[i];
      labels[i] = uint8_t(c);
    }
  }
  resize_nearest(1, large, labels.data(), whole(large), size, out.data());
  return out;
}

}  // namespace vitreous

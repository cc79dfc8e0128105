// Labelled embeddings and DINO's weighted k-NN on them: facebookresearch/dino eval_knn.py, knn_classifier.
//
// A class scores the sum of exp(similarity / T) over its members among the k nearest. Neighbours are found in
// float32 and weighed in float64: at T = 0.07 the rounding of a float32 similarity would show in the score.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitreous {

class FeatureBank {
 public:
  explicit FeatureBank(size_t dim) : dim_(dim) {}

  size_t dim() const { return dim_; }
  size_t size() const { return labels_.size(); }
  // (size, dim) as they were added, and their labels.
  const std::vector<float>& features() const { return features_; }
  const std::vector<int32_t>& labels() const { return labels_; }

  // features: (count, dim), of any length: cosine similarity is what counts.
  void add(size_t count, const float* features, const int32_t* labels);
  // Removes all of that label; returns how many they were.
  size_t remove(int32_t label);

  // queries: (count, dim) → scores: (count, classes), for labels 0 … classes - 1
  void scores(size_t count, const float* queries, size_t k, double temperature, size_t classes,
              double* scores) const;
  // How many get their own label from the others; of equal scores the lower label wins.
  size_t leave_one_out(size_t k, double temperature, size_t classes) const;

 private:
  static constexpr size_t kNone = size_t(-1);

  void score(const float* query, size_t k, double temperature, size_t without, double* scores) const;

  size_t dim_;
  std::vector<float> features_;
  std::vector<double> inverse_norms_;
  std::vector<int32_t> labels_;
};

}  // namespace vitreous

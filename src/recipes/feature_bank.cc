#include "recipes/feature_bank.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "recipes/ranking.h"
#include "recipes/vectors.h"

namespace vitreous {
namespace {

// More than the rounding of two float32 dot products of unit vectors, up to some thousand dimensions.
constexpr float kRounding = 2e-5f;

}  // namespace

void FeatureBank::add(size_t count, const float* features, const int32_t* labels) {
  features_.insert(features_.end(), features, features + count * dim_);
  labels_.insert(labels_.end(), labels, labels + count);
  for (size_t i = 0; i < count; ++i) inverse_norms_.push_back(inverse_norm(dim_, features + i * dim_));
}

size_t FeatureBank::remove(int32_t label) {
  size_t kept = 0;
  for (size_t i = 0; i < size(); ++i) {
    if (labels_[i] == label) continue;
    std::copy_n(features_.data() + i * dim_, dim_, features_.data() + kept * dim_);
    inverse_norms_[kept] = inverse_norms_[i];
    labels_[kept++] = labels_[i];
  }
  const size_t removed = size() - kept;
  features_.resize(kept * dim_);
  inverse_norms_.resize(kept);
  labels_.resize(kept);
  return removed;
}

void FeatureBank::scores(size_t count, const float* queries, size_t k, double temperature, size_t classes,
                         double* scores) const {
  std::fill_n(scores, count * classes, 0.0);
  parallel_for(count, 1, [&](size_t i, size_t) {
    score(queries + i * dim_, k, temperature, kNone, scores + i * classes);
  });
}

size_t FeatureBank::leave_one_out(size_t k, double temperature, size_t classes) const {
  std::vector<uint8_t> right(size());
  parallel_for(size(), 1, [&](size_t i, size_t) {
    std::vector<double> scores(classes);
    score(features_.data() + i * dim_, k, temperature, i, scores.data());
    right[i] = std::max_element(scores.begin(), scores.end()) - scores.begin() == labels_[i];
  });
  return size_t(std::count(right.begin(), right.end(), 1));
}

void FeatureBank::score(const float* query, size_t k, double temperature, size_t without,
                        double* scores) const {
  const size_t others = size() - (without == kNone ? 0 : 1);
  k = std::min(k, others);
  if (k == 0) return;
  const double query_scale = inverse_norm(dim_, query);
  std::vector<float> similarities(size());
  for (size_t i = 0; i < size(); ++i) {
    similarities[i] = dot(dim_, query, features_.data() + i * dim_) * float(query_scale * inverse_norms_[i]);
  }
  if (without != kNone) similarities[without] = -2;  // below any cosine, so never among the k

  const float least = kth_largest(similarities, k) - kRounding;
  std::vector<double> candidates;
  std::vector<size_t> rows;
  for (size_t i = 0; i < size(); ++i) {
    if (similarities[i] < least || i == without) continue;
    const double exact = dot_double(dim_, query, features_.data() + i * dim_);
    candidates.push_back(exact * query_scale * inverse_norms_[i]);
    rows.push_back(i);
  }
  const std::vector<size_t> order = largest_first(candidates);  // of equally near ones the first that came
  for (size_t i = 0; i < k; ++i) {
    scores[labels_[rows[order[i]]]] += std::exp(candidates[order[i]] / temperature);
  }
}

}  // namespace vitreous

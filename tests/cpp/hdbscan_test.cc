// Clusters against scikit-learn's, tests/goldens/groups (tests/oracle/make_group_goldens.py).
#include "search/hdbscan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/expect_error.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

struct Neighbours {
  std::vector<int32_t> points;
  std::vector<float> distances;
};

// By cosine distance, from vectors of length 1: (n, dim).
Neighbours nearest(const std::vector<float>& x, size_t n, size_t k) {
  const size_t dim = x.size() / n;
  Neighbours found;
  for (size_t i = 0; i < n; ++i) {
    std::vector<std::pair<double, int32_t>> others;
    for (size_t j = 0; j < n; ++j) {
      double cosine = 0;
      for (size_t d = 0; d < dim; ++d) cosine += double(x[i * dim + d]) * x[j * dim + d];
      if (j != i) others.push_back({1 - cosine, int32_t(j)});
    }
    std::sort(others.begin(), others.end());
    for (size_t j = 0; j < k; ++j) {
      found.points.push_back(others[j].second);
      found.distances.push_back(float(others[j].first));
    }
  }
  return found;
}

NpyArray<double> golden(const std::string& name) {
  return read_npy<double>(golden_path("groups/" + name + ".npy"));
}

class Golden : public testing::Test {
 protected:
  const NpyArray<float> points_ = read_npy<float>(golden_path("groups/points.npy"));
  const size_t n_ = points_.shape[0];
};
const std::vector<HdbscanOptions> kParameters = {{5, 5}, {25, 3}, {8, 15}};  // as in make_group_goldens.py

size_t choose_two(size_t n) { return n * (n - 1) / 2; }

// Hubert and Arabie, Comparing partitions, 1985.
double adjusted_rand_index(const std::vector<int32_t>& a, const std::vector<double>& b) {
  std::map<int32_t, size_t> in_a;
  std::map<double, size_t> in_b;
  std::map<std::pair<int32_t, double>, size_t> in_both;
  for (size_t i = 0; i < a.size(); ++i) {
    ++in_a[a[i]];
    ++in_b[b[i]];
    ++in_both[{a[i], b[i]}];
  }
  double both = 0, pairs_a = 0, pairs_b = 0;
  for (const auto& [_, count] : in_both) both += double(choose_two(count));
  for (const auto& [_, count] : in_a) pairs_a += double(choose_two(count));
  for (const auto& [_, count] : in_b) pairs_b += double(choose_two(count));
  const double expected = pairs_a * pairs_b / double(choose_two(a.size()));
  return (both - expected) / ((pairs_a + pairs_b) / 2 - expected);
}

TEST_F(Golden, WithAllNeighboursItIsScikitLearns) {
  const Neighbours all = nearest(points_.data, n_, n_ - 1);
  for (size_t i = 0; i < kParameters.size(); ++i) {
    SCOPED_TRACE(i);
    const Clusters clusters = hdbscan(n_, all.points, all.distances, kParameters[i]);
    const std::vector<double> labels = golden("labels_" + std::to_string(i)).data;
    const std::vector<double> probabilities = golden("probabilities_" + std::to_string(i)).data;
    std::map<double, double> least;  // probability in each cluster
    for (size_t p = 0; p < n_; ++p) {
      double& of_cluster = least.try_emplace(labels[p], 1).first->second;
      of_cluster = std::min(of_cluster, probabilities[p]);
    }
    std::map<double, int32_t> names;
    size_t between = 0;
    for (size_t p = 0; p < n_; ++p) {
      // As near to several clusters: the first to leave the one that it is in there.
      if (clusters.labels[p] < 0 && labels[p] >= 0) {
        EXPECT_EQ(probabilities[p], least[labels[p]]) << p;
        ++between;
        continue;
      }
      EXPECT_EQ(clusters.labels[p], names.try_emplace(labels[p], clusters.labels[p]).first->second);
      EXPECT_EQ(clusters.labels[p] < 0, labels[p] < 0) << p;
      EXPECT_NEAR(clusters.probabilities[p], probabilities[p], 1e-4) << p;
    }
    EXPECT_LE(between, n_ / 100);
    std::set<int32_t> ours;
    for (const auto& [theirs, label] : names) ours.insert(label);
    EXPECT_EQ(ours.size(), names.size());
  }
}

TEST_F(Golden, WithSomeNeighboursNearlySo) {
  const Neighbours some = nearest(points_.data, n_, 32);
  for (size_t i = 0; i < kParameters.size(); ++i) {
    const Clusters clusters = hdbscan(n_, some.points, some.distances, kParameters[i]);
    const double index = adjusted_rand_index(clusters.labels, golden("labels_" + std::to_string(i)).data);
    EXPECT_GE(index, 0.95) << i;
  }
}

TEST_F(Golden, TheLargestClusterIsTheFirst) {
  const Neighbours some = nearest(points_.data, n_, 32);
  const Clusters clusters = hdbscan(n_, some.points, some.distances, {5, 5});
  const int32_t last = *std::max_element(clusters.labels.begin(), clusters.labels.end());
  ASSERT_EQ(last, 5);
  for (int32_t label = 1; label <= last; ++label) {
    EXPECT_GE(std::count(clusters.labels.begin(), clusters.labels.end(), label - 1),
              std::count(clusters.labels.begin(), clusters.labels.end(), label));
  }
}

TEST(Hdbscan, CopiesAreAClusterOfTheirOwn) {
  // Ten copies here, ten copies there, and one alone.
  std::vector<float> x;
  for (int i = 0; i < 10; ++i) x.insert(x.end(), {1, 0, 0});
  for (int i = 0; i < 10; ++i) x.insert(x.end(), {0, 1, 0});
  x.insert(x.end(), {0, 0, 1});
  const Neighbours near = nearest(x, 21, 20);
  const Clusters clusters = hdbscan(21, near.points, near.distances, {5, 3});
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(clusters.labels[i], i < 10 ? 0 : 1);
    EXPECT_EQ(clusters.probabilities[i], 1);
  }
  EXPECT_EQ(clusters.labels[20], -1);
  EXPECT_EQ(clusters.probabilities[20], 0);
}

TEST(Hdbscan, FewPointsAreNone) {
  EXPECT_TRUE(hdbscan(0, {}, {}, {5, 1}).labels.empty());
  EXPECT_EQ(hdbscan(1, {}, {}, {5, 1}).labels, std::vector<int32_t>{-1});
  const std::vector<int32_t> points = {1, 0};
  const std::vector<float> distances = {0.1f, 0.1f};
  EXPECT_EQ(hdbscan(2, points, distances, {5, 2}).labels, (std::vector<int32_t>{-1, -1}));
}

TEST(Hdbscan, FewerNeighboursThanK) {
  const std::vector<int32_t> points = {1, -1, 0, -1, -1, -1};
  const std::vector<float> distances(6, 0.5f);
  EXPECT_EQ(hdbscan(3, points, distances, {2, 3}).labels, (std::vector<int32_t>{-1, -1, -1}));
  EXPECT_EQ(hdbscan(3, points, distances, {2, 2}).labels, (std::vector<int32_t>{-1, -1, -1}));
}

TEST(Hdbscan, WhatMakesNoSenseIsRefused) {
  const std::vector<int32_t> points = {1, 0};
  const std::vector<float> distances = {0.1f, 0.1f};
  const auto refused = [](const char* part, size_t n, std::vector<int32_t> near, std::vector<float> far,
                          HdbscanOptions options) {
    expect_error(code::kInvalidArgument, {part}, [&] { hdbscan(n, near, far, options); });
  };
  refused("minClusterSize", 2, points, distances, {1, 1});
  refused("minSamples is from 1 to 2", 2, points, distances, {2, 0});
  refused("minSamples is from 1 to 2", 2, points, distances, {2, 3});
  refused("as many neighbours", 2, points, {0.1f}, {2, 1});
  refused("no other point", 2, {1, 1}, distances, {2, 1});
  refused("no other point", 2, {2, 0}, distances, {2, 1});
  refused("no other point", 2, {-2, 0}, distances, {2, 1});
  refused("finite", 2, points, {0.1f, std::nanf("")}, {2, 1});
}

}  // namespace
}  // namespace vitreous::test

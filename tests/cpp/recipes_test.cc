// The recipes' arithmetic against tests/goldens/recipes (tests/oracle/make_recipe_goldens.py).
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "recipes/attention_mask.h"
#include "recipes/correspondence.h"
#include "recipes/eigen.h"
#include "recipes/feature_bank.h"
#include "recipes/label_propagation.h"
#include "recipes/logistic_regression.h"
#include "recipes/pca.h"
#include "recipes/vectors.h"
#include "support/expect_error.h"
#include "support/generated.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

std::vector<float> generated(const std::string& name, size_t rows, size_t dim) {
  return generate("input." + name, {rows, dim});
}

struct Clusters {
  std::vector<float> x;
  std::vector<int32_t> labels;
};

// As clusters() of make_recipe_goldens.py.
Clusters clusters(const std::string& name, size_t rows, size_t dim, size_t classes, float spread) {
  const std::vector<float> centers = generated("centers", classes, dim);
  Clusters made = {generated(name, rows, dim), {}};
  for (size_t i = 0; i < rows; ++i) {
    made.labels.push_back(int32_t(i % classes));
    for (size_t d = 0; d < dim; ++d) made.x[i * dim + d] += spread * centers[i % classes * dim + d];
  }
  return made;
}

NpyArray<double> golden(const std::string& name) {
  return read_npy<double>(golden_path("recipes/" + name + ".npy"));
}

template <typename T>
MaxDiff differences(const std::vector<T>& actual, const std::string& name) {
  const std::vector<double> expected = golden(name).data;
  EXPECT_EQ(actual.size(), expected.size());
  return max_abs_diff(std::span<const T>(actual), std::span<const double>(expected));
}

TEST(FeatureBank, ScoresAreTheFormulaInFloat64) {
  const Clusters bank = clusters("bank", 300, 64, 6, 0.25f), queries = clusters("queries", 40, 64, 6, 0.25f);
  FeatureBank in_parts(64);
  in_parts.add(100, bank.x.data(), bank.labels.data());
  in_parts.add(200, bank.x.data() + 100 * 64, bank.labels.data() + 100);
  std::vector<double> scores(40 * 6);
  in_parts.scores(40, queries.x.data(), 20, 0.07, 6, scores.data());
  const std::vector<double> expected = golden("knn_scores").data;
  for (size_t i = 0; i < scores.size(); ++i) {
    EXPECT_LE(std::abs(scores[i] - expected[i]), 1e-6 * expected[i]) << i;
  }
}

TEST(FeatureBank, WhatIsRemovedCountsNoMore) {
  const Clusters bank = clusters("bank", 300, 64, 6, 0.25f), queries = clusters("queries", 40, 64, 6, 0.25f);
  FeatureBank all(64), others(64);
  all.add(300, bank.x.data(), bank.labels.data());
  for (size_t i = 0; i < 300; ++i) {
    if (bank.labels[i] != 2) others.add(1, bank.x.data() + i * 64, &bank.labels[i]);
  }
  EXPECT_EQ(all.remove(2), 50u);
  EXPECT_EQ(all.remove(2), 0u);
  EXPECT_EQ(all.size(), 250u);
  EXPECT_EQ(all.features(), others.features());
  std::vector<double> a(40 * 6), b(40 * 6);
  all.scores(40, queries.x.data(), 20, 0.07, 6, a.data());
  others.scores(40, queries.x.data(), 20, 0.07, 6, b.data());
  EXPECT_EQ(a, b);
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(a[i * 6 + 2], 0);
}

TEST(FeatureBank, NeighboursThatFloat32CannotTellApartAreChosenInFloat64) {
  // Of 1 + 13 · 2^-25 float32 keeps 1, of 1 + 2^-22 all; the last dimension makes the lengths equal.
  constexpr size_t kDim = 15;
  std::vector<float> query(kDim, 0x1p-12f), far(kDim), near(kDim, 0x1p-13f);
  query[0] = near[0] = far[0] = 1;
  far[1] = 0x1p-10f;
  query[14] = 0;
  near[14] = float(std::sqrt(1 - 13 * 0x1p-26));
  far[14] = float(std::sqrt(1 - 0x1p-20));
  ASSERT_GT(dot(kDim, query.data(), far.data()), dot(kDim, query.data(), near.data()));
  const std::vector<int32_t> labels = {0, 1};
  FeatureBank features(kDim);
  features.add(1, far.data(), &labels[0]);
  features.add(1, near.data(), &labels[1]);
  std::vector<double> scores(2);
  features.scores(1, query.data(), 1, 1, 2, scores.data());
  EXPECT_EQ(scores[0], 0);
  EXPECT_GT(scores[1], 2);
}

TEST(FeatureBank, FewerFeaturesThanNeighbours) {
  const std::vector<float> one = {0, 2}, nothing = {0, 0};
  const int32_t label = 0;
  FeatureBank bank(2);
  std::vector<double> scores(1);
  bank.scores(1, one.data(), 20, 0.07, 1, scores.data());
  EXPECT_EQ(scores[0], 0);
  bank.add(1, one.data(), &label);
  bank.scores(1, one.data(), 20, 0.5, 1, scores.data());
  EXPECT_NEAR(scores[0], std::exp(2), 1e-12);
  bank.scores(1, nothing.data(), 20, 0.5, 1, scores.data());
  EXPECT_EQ(scores[0], 1);  // no direction: cosine 0
}

TEST(LogisticRegression, ReachesTheOptimumOfScikitLearn) {
  for (const auto& [name, classes, c] : {std::tuple("five", 5, 1.0), std::tuple("two", 2, 0.1)}) {
    SCOPED_TRACE(name);
    const size_t k = size_t(classes);
    const Clusters train = clusters("train", 400, 48, k, 0.25f), test = clusters("test", 200, 48, k, 0.25f);
    LogisticRegression regression(400, 48, train.x.data(), train.labels.data(), k, c);
    EXPECT_FALSE(regression.run(1000, 1e-7));
    EXPECT_LE(regression.gradient(), 1e-7);
    std::vector<double> weight(regression.weight(), regression.weight() + k * 48);
    std::vector<double> bias = regression.bias();
    if (k == 2) {  // scikit-learn keeps the difference
      for (size_t d = 0; d < 48; ++d) weight[d] = weight[48 + d] - weight[d];
      weight.resize(48);
      bias = {bias[1] - bias[0]};
    }
    EXPECT_TRUE(within(differences(weight, std::string("logistic_") + name + "_coef"), 1e-4, "coef_"));
    EXPECT_TRUE(
        within(differences(bias, std::string("logistic_") + name + "_intercept"), 1e-4, "intercept_"));
  }
}

TEST(LogisticRegression, GoesOnWhereItStopped) {
  const Clusters train = clusters("train", 400, 48, 5, 0.25f);
  LogisticRegression whole(400, 48, train.x.data(), train.labels.data(), 5, 1);
  LogisticRegression parts(400, 48, train.x.data(), train.labels.data(), 5, 1);
  EXPECT_TRUE(whole.run(12, 0));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(parts.run(4, 0));
  EXPECT_EQ(parts.iterations(), 12u);
  EXPECT_EQ(parts.loss(), whole.loss());
  EXPECT_TRUE(std::equal(whole.weight(), whole.weight() + 5 * 48, parts.weight()));
}

TEST(Eigen, VectorsAreOrthonormalAndGiveTheMatrixBack) {
  for (const size_t n : {1u, 2u, 3u, 50u, 130u}) {
    SCOPED_TRACE(n);
    const std::vector<float> values = generated("matrix", n, n);
    std::vector<double> a(n * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) a[i * n + j] = double(values[i * n + j]) + values[j * n + i];
    }
    const Eigen eigen = symmetric_eigen(n, a, n);
    const auto v = [&](size_t vector, size_t i) { return eigen.vectors[vector * n + i]; };
    for (size_t i = 0; i < n; ++i) {
      EXPECT_GE(eigen.values[i == 0 ? 0 : i - 1], eigen.values[i]);
      for (size_t j = 0; j < n; ++j) {
        double product = 0, entry = 0;
        for (size_t k = 0; k < n; ++k) {
          product += v(i, k) * v(j, k);
          entry += v(k, i) * eigen.values[k] * v(k, j);
        }
        EXPECT_NEAR(product, i == j ? 1 : 0, 1e-12);
        EXPECT_NEAR(entry, a[i * n + j], 1e-11);
      }
    }
  }
}

TEST(Eigen, EqualAndZeroEigenvalues) {
  std::vector<double> identity(25);
  for (size_t i = 0; i < 5; ++i) identity[i * 6] = 3;
  EXPECT_EQ(symmetric_eigen(5, identity, 2).values, std::vector<double>(5, 3));
  EXPECT_EQ(symmetric_eigen(5, std::vector<double>(25), 5).values, std::vector<double>(5));
  std::vector<double> ones(25, 1);
  const Eigen eigen = symmetric_eigen(5, ones, 1);
  EXPECT_NEAR(eigen.values[0], 5, 1e-12);
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(eigen.vectors[i], 1 / std::sqrt(5), 1e-12);
  expect_error(code::kInvalidArgument, {"finite"},
               [] { symmetric_eigen(3, std::vector<double>(9, NAN), 3); });
}

TEST(Whitening, IsTheOriginals) {
  for (const auto& [name, centered, step] :
       {std::tuple("whitened", false, 1.0f), std::tuple("whitened_centered", true, 1.0f),
        std::tuple("whitened_graded", false, 0.5f)}) {
    SCOPED_TRACE(name);
    Clusters features = clusters("whitening", 120, 32, 4, 0.5f);
    for (size_t i = 0; i < 120 * 32; ++i) features.x[i] *= std::pow(step, float(i % 32));
    const Projection whitening = fit_whitening(120, 32, features.x.data(), {16, 0.5, centered});
    std::vector<float> out(20 * 16);
    whitening.apply(20, features.x.data(), out.data());
    EXPECT_TRUE(within(differences(out, name), 1e-5, name));
  }
}

TEST(CopyWhitening, IsTheGeneralisedEigenproblemOfScipy) {
  const Clusters photos = clusters("whitening", 120, 32, 4, 0.5f),
                 edits = clusters("edits", 360, 32, 3, 0.25f);
  std::vector<float> copies = edits.x;
  for (size_t i = 0; i < copies.size(); ++i) copies[i] += photos.x[i % photos.x.size()];
  for (const auto& [name, shrinkage] :
       {std::pair("copies_whitened", 0.01), std::pair("copies_unshrunk", 0.0)}) {
    SCOPED_TRACE(name);
    const Projection whitening =
        fit_copy_whitening(120, 32, photos.x.data(), 360, copies.data(), {16, shrinkage});
    std::vector<float> out(20 * 16);
    whitening.apply(20, photos.x.data(), out.data());
    EXPECT_TRUE(within(differences(out, name), 1e-5, name));
  }
}

TEST(CopyWhitening, WhatCopiesDoNotShow) {
  const std::vector<float> photos = {1, 2, 3, 5}, copies = {2, 2, 4, 5};  // the second number never changes
  expect_error(code::kInvalidArgument, {"more shrinkage"},
               [&] { fit_copy_whitening(2, 2, photos.data(), 2, copies.data(), {2, 0}); });
  const Projection whitening = fit_copy_whitening(2, 2, photos.data(), 2, copies.data(), {1, 0.01});
  EXPECT_LT(std::abs(whitening.axes[0]), std::abs(whitening.axes[1]));  // so it counts for more
  expect_error(code::kInvalidArgument, {"more shrinkage"},
               [&] { fit_copy_whitening(2, 2, photos.data(), 2, photos.data(), {2, 0.01}); });
}

TEST(Whitening, FeaturesThatAreAllTheSame) {
  const std::vector<float> same = {1, 2, 1, 2};
  expect_error(code::kInvalidArgument, {"nothing to whiten"},
               [&] { fit_whitening(2, 2, same.data(), {2, 0.5, true}); });
}

TEST(Pca, IsScikitLearns) {
  const Clusters tokens = clusters("tokens", 98, 24, 3, 1.0f);
  const Components pca = principal_components(98, 24, tokens.x.data(), 3);
  EXPECT_TRUE(within(differences(pca.values, "pca_components"), 1e-5, "components"));
  std::vector<float> variance = pca.variance;
  variance.insert(variance.end(), pca.variance_ratio.begin(), pca.variance_ratio.end());
  EXPECT_TRUE(within(differences(variance, "pca_variance"), 1e-5, "variance"));
  const std::vector<uint16_t> rgb = read_npy<uint16_t>(golden_path("recipes/pca_rgb.npy")).data;
  const std::vector<uint8_t> bytes = component_bytes(98, 3, pca.values.data());
  for (size_t i = 0; i < rgb.size(); ++i) EXPECT_LE(std::abs(int(rgb[i]) - int(bytes[i])), 1) << i;

  const std::vector<uint8_t> mask = foreground_mask(98, 3, pca.values.data(), 0.4, true);
  const Components inside = principal_components(98, 24, tokens.x.data(), 3, mask.data());
  EXPECT_TRUE(within(differences(inside.values, "pca_foreground"), 1e-5, "foreground"));
  const std::vector<uint8_t> outside = foreground_mask(98, 3, pca.values.data(), 0.4, false);
  for (size_t i = 0; i < 98; ++i) EXPECT_EQ(mask[i] + outside[i], 1);
  const std::vector<uint8_t> black = component_bytes(98, 3, inside.values.data(), mask.data());
  for (size_t i = 0; i < 98 * 3; ++i) {
    EXPECT_LE(black[i], mask[i / 3] * 255);
  }
}

TEST(Correspondence, MutualNearestNeighboursBestFirst) {
  const Clusters a = clusters("patches_a", 40, 16, 40, 1.0f), b = clusters("patches_b", 48, 16, 40, 1.0f);
  const NpyArray<double> pairs = golden("correspondence");
  const std::vector<Match> matches = correspond(40, a.x.data(), 48, b.x.data(), 16, true, -1);
  ASSERT_EQ(matches.size(), pairs.shape[0]);
  for (size_t i = 0; i < matches.size(); ++i) {
    EXPECT_EQ(matches[i].a, pairs.data[3 * i]);
    EXPECT_EQ(matches[i].b, pairs.data[3 * i + 1]);
    EXPECT_NEAR(matches[i].score, pairs.data[3 * i + 2], 1e-6);
  }
  EXPECT_EQ(correspond(40, a.x.data(), 48, b.x.data(), 16, false, -1).size(), 40u);
  const float middle = matches[matches.size() / 2].score;
  EXPECT_EQ(correspond(40, a.x.data(), 48, b.x.data(), 16, true, middle).size(), matches.size() / 2 + 1);
}

TEST(AttentionMask, KeepsTheFewestPatchesOfThatMass) {
  const NpyArray<float> attention = read_npy<float>(golden_path("vit_nano_patch16_224/attention.npy"));
  const std::vector<uint16_t> expected = read_npy<uint16_t>(golden_path("recipes/attention_masks.npy")).data;
  const size_t heads = attention.shape[1], patches = attention.shape[2];
  std::vector<uint8_t> masks(heads * patches);
  threshold_attention(heads, patches, attention.data.data() + attention.data.size() - masks.size(), 0.6,
                      masks.data());
  EXPECT_EQ(std::vector<uint16_t>(masks.begin(), masks.end()), expected);
}

class Video : public testing::Test {
 protected:
  static constexpr size_t kHeight = 8, kWidth = 10, kDim = 12;
  static std::vector<float> frame(int t) {
    std::vector<float> features = generated("video", kHeight * kWidth, kDim);
    const std::vector<float> noise = generated("frame" + std::to_string(t), kHeight * kWidth, kDim);
    for (size_t i = 0; i < features.size(); ++i) features[i] += 0.5f * noise[i];
    return features;
  }
  static std::vector<uint8_t> mask() {
    std::vector<uint8_t> labels(kHeight * kWidth);
    for (size_t y = 0; y < kHeight; ++y) {
      for (size_t x = 0; x < kWidth; ++x) {
        labels[y * kWidth + x] = y >= 1 && y < 4 && x >= 1 && x < 5 ? 1 : y == 5 || y == 6 ? 2 : 0;
      }
    }
    return labels;
  }
};

TEST_F(Video, LabelsAreCarriedOnAsInTheOriginal) {
  LabelPropagation video({kHeight, kWidth}, kDim, {.last_frames = 2, .neighborhood = 2, .topk = 5});
  expect_error(code::kInvalidArgument, {"start"}, [&] { video.next(frame(0).data()); });
  const NpyArray<float> expected = read_npy<float>(golden_path("recipes/propagated.npy"));
  std::vector<float> soft;
  for (int again = 0; again < 2; ++again) {
    video.start(frame(0).data(), mask().data(), 3);  // the second time as if it were the first
    for (int t = 1; t < 6; ++t) {
      soft = video.next(frame(t).data());
      const std::span<const float> golden_frame(expected.data.data() + size_t(t - 1) * soft.size(),
                                                soft.size());
      EXPECT_TRUE(within(max_abs_diff(std::span<const float>(soft), golden_frame), 1e-5, "frame"));
    }
  }
  const std::vector<uint16_t> segmented = read_npy<uint16_t>(golden_path("recipes/segmented.npy")).data;
  const std::vector<uint8_t> most = largest_class(kHeight * kWidth, soft);
  for (size_t i = 0; i < most.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) EXPECT_LE(soft[c * most.size() + i], soft[most[i] * most.size() + i]);
  }
  const std::vector<uint8_t> labels = segment(3, {kHeight, kWidth}, soft.data(), 4, {45, 61});
  EXPECT_EQ(std::vector<uint16_t>(labels.begin(), labels.end()), segmented);
}

TEST_F(Video, AClassThatIsEverywhereWins) {
  const std::vector<float> soft = {0, 0, 0, 0, 1, 1, 1, 1};
  EXPECT_EQ(segment(2, {2, 2}, soft.data(), 2, {3, 3}), std::vector<uint8_t>(9, 1));
}

TEST(Resize, NearestInputUnderTheMiddle) {
  const std::vector<uint8_t> map = {1, 2, 3, 4};
  std::vector<uint8_t> out(16);
  resize_nearest(1, {2, 2}, map.data(), whole({2, 2}), {4, 4}, out.data());
  EXPECT_EQ(out, (std::vector<uint8_t>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
  out.resize(6);
  resize_nearest(1, {2, 2}, map.data(), {1, -2, 2, 3}, {3, 2}, out.data());
  EXPECT_EQ(out, (std::vector<uint8_t>{0, 0, 0, 0, 2, 0}));
}

#if defined(VITREOUS_THREADS)
TEST(Recipes, ThreadsChangeNoBit) {
  const auto results = [] {
    const Clusters train = clusters("train", 600, 70, 5, 0.25f);
    LogisticRegression regression(600, 70, train.x.data(), train.labels.data(), 5, 1);
    regression.run(5, 0);
    std::vector<double> all(regression.weight(), regression.weight() + 5 * 70);
    const Projection whitening = fit_whitening(600, 70, train.x.data(), {70});
    all.insert(all.end(), whitening.axes.begin(), whitening.axes.end());
    for (const Match& match : correspond(300, train.x.data(), 300, train.x.data() + 300 * 70, 70, true, -1)) {
      all.push_back(match.score);
    }
    return all;
  };
  const std::vector<double> alone = results();
  set_thread_count(3);
  EXPECT_EQ(results(), alone);
  set_thread_count(1);
}
#endif

}  // namespace
}  // namespace vitreous::test

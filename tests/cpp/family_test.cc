// What DINO's relatives differ in, against tests/goldens/family (tests/oracle/make_family_goldens.py).
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "model/gelu.h"
#include "support/expect_error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

constexpr size_t kDim = 64, kClasses = 5;

// The models of the goldens.
VitConfig family_config(const std::string& name) {
  VitConfig config = small_config(64, 3);
  config.name = name;
  config.num_classes = int(kClasses);
  if (name == "registers") {
    config.reg_tokens = 4;
    config.no_embed_class = config.layer_scale = true;
  }
  if (name == "registers_embedded") {
    config.reg_tokens = 2;
    config.global_pool = GlobalPool::kAvg;
    config.fc_norm = true;
  }
  if (name == "clip") {
    config.pre_norm = true;
    config.activation = Activation::kQuickGelu;
    config.norm_eps = 1e-5f;
  }
  if (name.starts_with("avg")) config.global_pool = GlobalPool::kAvg;
  if (name.starts_with("none")) config.global_pool = GlobalPool::kNone;
  if (name == "avg" || name.ends_with("before_norm")) config.fc_norm = true;
  return config;
}

struct Results {
  std::vector<float> logits, pooled, tokens, block;

  Results(const VitConfig& config, size_t batch)
      : logits(batch * size_t(config.pooled_tokens() * config.num_classes)),
        pooled(batch * size_t(config.pooled_tokens()) * kDim),
        tokens(batch * size_t(config.tokens()) * kDim),
        block(tokens.size()) {}
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double(a[i]) * double(b[i]);
    aa += double(a[i]) * double(a[i]);
    bb += double(b[i]) * double(b[i]);
  }
  return ab / std::sqrt(aa * bb);
}

class Family : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Models, Family,
                         testing::Values("registers", "registers_embedded", "clip", "avg", "avg_after_norm",
                                         "token_before_norm", "none", "none_before_norm"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Family, GivesTimmsNumbers) {
  const std::string golden = std::string("family/") + GetParam();
  const VitConfig config = family_config(GetParam());
  auto vit = generated_model(config);
  const std::vector<float> images = generated_images(config, 2);
  Results all(config, 2);
  vit->forward(images.data(), 2,
               {.pooled = all.pooled.data(),
                .logits = all.logits.data(),
                .tokens = all.tokens.data(),
                .blocks = {{1, true, all.block.data()}}});
  const std::span<const float> tokens = std::span(all.tokens).first(all.tokens.size() / 2);
  const std::span<const float> patches =
      std::span(all.block).first(tokens.size()).subspan(size_t(config.prefix_tokens()) * kDim);
  EXPECT_TRUE(matches_golden(golden + "_forward", all.logits, 1e-4));
  EXPECT_TRUE(matches_golden(golden + "_pre_logits", all.pooled, 1e-4));
  EXPECT_TRUE(matches_golden(golden + "_features", tokens, 1e-4));
  EXPECT_TRUE(matches_golden(golden + "_block1_norm", patches, 1e-4));

  // The same with one thing asked for at a time, and from the tokens.
  Results alone(config, 2);
  vit->forward(images.data(), 2, {.logits = alone.logits.data()});
  vit->forward(images.data(), 2, {.pooled = alone.pooled.data()});
  EXPECT_EQ(alone.logits, all.logits);
  EXPECT_EQ(alone.pooled, all.pooled);
  Results head(config, 2);
  vit->forward_head(all.tokens.data(), 2, /*pre_logits=*/false, head.logits.data());
  vit->forward_head(all.tokens.data(), 2, /*pre_logits=*/true, head.pooled.data());
  EXPECT_EQ(head.logits, all.logits);
  EXPECT_EQ(head.pooled, all.pooled);
}

TEST_P(Family, StaysCloseInInt8) {
  VitConfig config = family_config(GetParam());
  config.arithmetic = Arithmetic::kInt8;
  auto vit = generated_model(config);
  Results results(config, 2);
  vit->forward(generated_images(config, 2).data(), 2, {.pooled = results.pooled.data()});
  const auto golden = read_npy<float>(golden_path(std::string("family/") + GetParam() + "_pre_logits.npy"));
  EXPECT_GT(cosine(results.pooled, golden.data), 0.9995);
}

TEST(Classifier, ResetGivesTimmsNumbersAndLeavesTheNormWhereItIs) {
  for (const std::string name : {"avg", "avg_after_norm"}) {
    SCOPED_TRACE(name);
    auto vit = generated_model(family_config(name));
    const std::vector<float> images = generated_images(vit->config(), 1);
    const struct {
      int classes;
      GlobalPool pool;
    } resets[] = {{3, GlobalPool::kAvg}, {4, GlobalPool::kToken}, {2, GlobalPool::kNone}};
    for (const auto& [classes, pool] : resets) {
      const std::vector<float> weight = generate("head.weight", {size_t(classes), kDim}),
                               bias = generate("head.bias", {size_t(classes)});
      vit->reset_classifier(classes, pool, weight.data(), bias.data());
      EXPECT_EQ(vit->config().num_classes, classes);
      EXPECT_EQ(vit->config().fc_norm, name == "avg");
      Results results(vit->config(), 1);
      vit->forward(images.data(), 1, {.logits = results.logits.data()});
      EXPECT_TRUE(
          matches_golden("family/" + name + "_reset" + std::to_string(classes), results.logits, 1e-4));
      std::vector<float> weight_back(weight.size()), bias_back(bias.size());
      vit->classifier().linear.unpack(weight_back.data(), bias_back.data());
      EXPECT_EQ(weight_back, weight);
      EXPECT_EQ(bias_back, bias);
    }
    vit->reset_classifier(0, GlobalPool::kNone, nullptr, nullptr);
    EXPECT_FALSE(vit->classifier());
    Results results(vit->config(), 1);
    vit->forward(images.data(), 1, {.pooled = results.pooled.data()});
    EXPECT_TRUE(matches_golden("family/" + name + "_reset0", results.pooled, 1e-4));
    float logit = 0;
    expect_error(code::kNoHead, {name}, [&] { vit->forward(images.data(), 1, {.logits = &logit}); });
  }
}

TEST(Classifier, WithoutValuesItIsZeros) {
  auto vit = generated_model(family_config("avg"));
  vit->reset_classifier(7, GlobalPool::kToken, nullptr, nullptr);
  Results results(vit->config(), 1);
  results.logits.assign(7, 1.0f);
  vit->forward(generated_images(vit->config(), 1).data(), 1, {.logits = results.logits.data()});
  EXPECT_EQ(results.logits, std::vector<float>(7));
  expect_error(code::kInvalidArgument, {"num_classes"},
               [&] { vit->reset_classifier(-1, GlobalPool::kToken, nullptr, nullptr); });
  EXPECT_EQ(vit->config().num_classes, 7);
}

TEST(QuickGelu, IsTorchs) {
  const auto golden = read_npy<float>(golden_path("family/quick_gelu.npy"));
  const size_t n = golden.shape[1];
  std::vector<float> x(golden.data.begin(), golden.data.begin() + std::ptrdiff_t(n));
  quick_gelu(n, x.data());
  for (size_t i = 0; i < n; ++i) {
    const float expected = golden.data[n + i];
    EXPECT_NEAR(x[i], expected, 1e-6f * std::max(1.0f, std::abs(expected))) << "at " << golden.data[i];
  }
}

}  // namespace
}  // namespace vitreous::test

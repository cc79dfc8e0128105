// What a forward gives of its inside, at two sizes of one model, against tests/goldens/outputs
// (tests/oracle/make_outputs_goldens.py).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "model/pos_embed.h"
#include "support/expect_error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

constexpr size_t kDim = 64, kHeads = 2;

VitConfig config_of(bool registers) {
  VitConfig config = small_config(96, 3);
  config.dynamic_img_size = true;
  if (registers) {
    config.reg_tokens = 2;
    config.no_embed_class = true;
  }
  return config;
}

struct Inside {
  std::vector<float> attention, query, key, value, rollout, tokens;
};

// Everything at once, so that what one of them leaves behind would show in another.
Inside run(VisionTransformer& vit, Grid grid, HeadFusion fusion, double discard_ratio) {
  const VitConfig& config = vit.config();
  const auto patches = size_t(grid.height * grid.width), N = size_t(config.prefix_tokens()) + patches;
  const std::vector<float> image = generate("input", {3, size_t(16 * grid.height), size_t(16 * grid.width)});
  Inside inside;
  inside.attention.resize(kHeads * N * N);
  for (auto* part : {&inside.query, &inside.key, &inside.value}) part->resize(N * kDim);
  inside.rollout.resize(patches);
  inside.tokens.resize(N * kDim);
  Outputs outputs;
  outputs.attention = {{1, inside.attention.data(), /*full=*/true}};
  outputs.qkv = {{2, QkvPart::kQuery, inside.query.data()},
                 {2, QkvPart::kKey, inside.key.data()},
                 {2, QkvPart::kValue, inside.value.data()}};
  outputs.rollout = {{fusion, discard_ratio, inside.rollout.data()}};
  vit.forward(image.data(), 1, grid, outputs);
  vit.forward(image.data(), 1, grid, {.tokens = inside.tokens.data(), .last_block = 1});
  return inside;
}

const std::vector<std::tuple<std::string, HeadFusion, double>> kRollouts = {
    {"mean_0", HeadFusion::kMean, 0},
    {"max_0", HeadFusion::kMax, 0},
    {"min_0.3", HeadFusion::kMin, 0.3},
    {"mean_0.3", HeadFusion::kMean, 0.3}};

TEST(Outputs, InsideIsTimms) {
  for (const bool registers : {false, true}) {
    const auto vit = generated_model(config_of(registers));
    for (const Grid grid : {Grid{6, 6}, Grid{4, 7}}) {
      const std::string at = std::string("outputs/") + (registers ? "registers" : "plain") + "_" +
                             std::to_string(16 * grid.height) + "x" + std::to_string(16 * grid.width) + "_";
      for (const auto& [name, fusion, discard_ratio] : kRollouts) {
        const Inside inside = run(*vit, grid, fusion, discard_ratio);
        EXPECT_TRUE(matches_golden(at + "attention", inside.attention, 1e-5));
        EXPECT_TRUE(matches_golden(at + "query", inside.query, 1e-4));
        EXPECT_TRUE(matches_golden(at + "key", inside.key, 1e-4));
        EXPECT_TRUE(matches_golden(at + "value", inside.value, 1e-4));
        EXPECT_TRUE(matches_golden(at + "early", inside.tokens, 1e-4));
        EXPECT_TRUE(matches_golden(at + "rollout_" + name, inside.rollout, 1e-5));
      }
    }
  }
}

#if defined(VITREOUS_THREADS)
TEST(Outputs, AreTheSameBitsWithAnyNumberOfThreads) {
  const auto vit = generated_model(config_of(true));
  set_thread_count(1);
  const Inside one = run(*vit, {4, 7}, HeadFusion::kMean, 0.3);
  set_thread_count(3);
  const Inside three = run(*vit, {4, 7}, HeadFusion::kMean, 0.3);
  set_thread_count(1);
  EXPECT_EQ(one.attention, three.attention);
  EXPECT_EQ(one.rollout, three.rollout);
  EXPECT_EQ(one.tokens, three.tokens);
}
#endif

TEST(Outputs, WhatCannotBeIsRefusedAndTheModelGoesOn) {
  VitConfig config = config_of(false);
  const auto vit = generated_model(config);
  std::vector<float> image(3 * 96 * 96), pooled(kDim), mass(36);
  const auto rollout = [&](double discard_ratio) {
    Outputs outputs;
    outputs.rollout = {{HeadFusion::kMean, discard_ratio, mass.data()}};
    vit->forward(image.data(), 1, outputs);
  };
  expect_error(code::kInvalidArgument, {"discardRatio"}, [&] { rollout(1.0); });
  expect_error(code::kInvalidArgument, {"discardRatio"}, [&] { rollout(-0.1); });
  expect_error(code::kInvalidArgument, {"Block 3"},
               [&] { vit->forward(image.data(), 1, {.tokens = pooled.data(), .last_block = 3}); });
  rollout(0);
  config.dynamic_img_size = false;
  const auto fixed = generated_model(config);
  expect_error(code::kInvalidArgument, {"4 × 7", "6 × 6", "dynamicImgSize"},
               [&] { fixed->forward(image.data(), 1, Grid{4, 7}, {.pooled = pooled.data()}); });
  fixed->forward(image.data(), 1, {.pooled = pooled.data()});
}

TEST(PosEmbed, IsResampledAsInDino) {
  const std::vector<float> pos_embed = generate("pos_embed", {1, 1 + 14 * 14, 16});
  for (const Grid to : {Grid{30, 30}, Grid{7, 7}, Grid{10, 21}}) {
    const std::string name = std::to_string(to.height) + "x" + std::to_string(to.width);
    EXPECT_TRUE(matches_golden(
        "outputs/dino_pos_embed_" + name,
        resample_pos_embed(pos_embed, 16, 1, {14, 14}, to, PosEmbedInterpolation::kDino), 1e-5));
  }
}

}  // namespace
}  // namespace vitreous::test

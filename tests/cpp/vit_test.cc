// The forward against timm's, stage by stage: tests/goldens/MODEL, made by
// tests/oracle/make_model_goldens.py.
#include "model/vit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "support/allocations.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

constexpr double kTolerance = 1e-4;  // absolute, on values of unit scale

struct Results {
  std::vector<float> pooled, logits, tokens, attention;
  std::vector<std::vector<float>> blocks;
};

// Everything that a forward can give, of all blocks.
Results forward_all(VisionTransformer& vit, std::span<const float> images, size_t batch) {
  const VitConfig& c = vit.config();
  const size_t tokens = batch * size_t(c.tokens()) * size_t(c.dim),
               maps = batch * size_t(c.heads * c.patches());
  Results r;
  r.pooled.resize(batch * size_t(c.dim));
  r.tokens.resize(tokens);
  r.attention.resize(size_t(c.depth) * maps);
  r.blocks.assign(size_t(c.depth), std::vector<float>(tokens));
  Outputs outputs{
      .pooled = r.pooled.data(), .logits = nullptr, .tokens = r.tokens.data(), .blocks = {}, .attention = {}};
  if (c.num_classes > 0) {
    r.logits.resize(batch * size_t(c.num_classes));
    outputs.logits = r.logits.data();
  }
  for (int i = 0; i < c.depth; ++i) {
    outputs.blocks.push_back({i, false, r.blocks[size_t(i)].data()});
    outputs.attention.push_back({i, r.attention.data() + size_t(i) * maps});
  }
  vit.forward(images.data(), batch, outputs);
  return r;
}

void expect_every_stage(VisionTransformer& vit, const std::string& model) {
  const std::vector<float> images = generated_images(vit.config(), 2);
  const Results one = forward_all(vit, std::span(images).first(images.size() / 2), 1);
  for (int i = 0; i < vit.config().depth; ++i) {
    EXPECT_TRUE(matches_golden_block(model, size_t(i), one.blocks[size_t(i)], kTolerance));
  }
  EXPECT_TRUE(matches_golden(model + "/attention", one.attention, kTolerance));
  EXPECT_TRUE(matches_golden(model + "/forward_features", one.tokens, kTolerance));

  const Results both = forward_all(vit, images, 2);
  EXPECT_TRUE(matches_golden(model + "/forward_head_pre_logits", both.pooled, kTolerance));
  const bool head = vit.config().num_classes > 0;
  EXPECT_TRUE(matches_golden(model + "/forward", head ? both.logits : both.pooled, kTolerance));

  // forward_head on forward_features gives the same to the last bit.
  std::vector<float> pooled(both.pooled.size()), logits(both.logits.size());
  vit.forward_head(both.tokens.data(), 2, /*pre_logits=*/true, pooled.data());
  EXPECT_EQ(pooled, both.pooled);
  if (head) {
    vit.forward_head(both.tokens.data(), 2, /*pre_logits=*/false, logits.data());
    EXPECT_EQ(logits, both.logits);
  }
}

TEST(Vit, BasePatch16EveryStage) {
  auto vit = generated_model(find_model("vit_base_patch16_224.dino").config);
  expect_every_stage(*vit, "vit_base_patch16_224.dino");
}

TEST(Vit, PackagedModelEveryStage) {
  std::ifstream file(VITREOUS_MODELS_DIR "/vit_nano_patch16_224/model.safetensors", std::ios::binary);
  ASSERT_TRUE(file.is_open());
  ModelLoader loader(find_model("vit_nano_patch16_224").config);
  loader.begin_file(std::nullopt);
  std::vector<char> piece(100'003);
  while (file.read(piece.data(), std::streamsize(piece.size())), file.gcount() > 0) {
    loader.push(reinterpret_cast<const uint8_t*>(piece.data()), size_t(file.gcount()));
  }
  loader.end_file();
  auto vit = loader.finish();
  expect_every_stage(*vit, "vit_nano_patch16_224");
}

class DinoFamily : public testing::TestWithParam<const char*> {};

TEST_P(DinoFamily, ForwardAndLastAttention) {
  const std::string model = GetParam();
  auto vit = generated_model(find_model(model).config);
  const VitConfig& c = vit->config();
  const std::vector<float> image = generated_images(c, 1);
  std::vector<float> pooled(size_t(c.dim)), attention(size_t(c.heads * c.patches()));
  Outputs outputs{.pooled = pooled.data()};
  outputs.attention = {{c.depth - 1, attention.data()}};
  vit->forward(image.data(), 1, outputs);
  EXPECT_TRUE(matches_golden(model + "/forward", pooled, kTolerance));
  EXPECT_TRUE(matches_golden(model + "/attention_last", attention, kTolerance));
}

INSTANTIATE_TEST_SUITE_P(All, DinoFamily,
                         testing::Values("vit_small_patch16_224.dino", "vit_small_patch8_224.dino",
                                         "vit_base_patch8_224.dino"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) {
                             if (c == '.') c = '_';
                           }
                           return name;
                         });

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double(a[i]) * double(b[i]);
    aa += double(a[i]) * double(a[i]);
    bb += double(b[i]) * double(b[i]);
  }
  return ab / std::sqrt(aa * bb);
}

// 8-bit weights and 12-bit activations against timm's fp32.
TEST(Vit, Int8StaysCloseToFp32) {
  VitConfig config = find_model("vit_small_patch16_224.dino").config;
  config.arithmetic = Arithmetic::kInt8;
  auto vit = generated_model(config);
  const std::vector<float> image = generated_images(config, 1);
  std::vector<float> pooled(size_t(config.dim));
  vit->forward(image.data(), 1, {.pooled = pooled.data()});
  const auto golden = read_npy<float>(golden_path("vit_small_patch16_224.dino/forward.npy"));
  EXPECT_GT(cosine(pooled, golden.data), 0.9995);
  EXPECT_NE(pooled, golden.data);  // fp32 would be a mistake too
}

// A small model for what needs no golden.
VitConfig tiny() {
  VitConfig config = find_model("vit_tiny_patch16_224").config;
  config.depth = 2;
  config.num_classes = 7;
  return config;
}

class EachArithmetic : public testing::TestWithParam<Arithmetic> {
 protected:
  std::unique_ptr<VisionTransformer> model() const {
    VitConfig config = tiny();
    config.arithmetic = GetParam();
    return generated_model(config);
  }
};

INSTANTIATE_TEST_SUITE_P(Vit, EachArithmetic, testing::Values(Arithmetic::kFp32, Arithmetic::kInt8),
                         [](const auto& info) { return info.param == Arithmetic::kInt8 ? "Int8" : "Fp32"; });

// To the last bit.
TEST_P(EachArithmetic, TheNumberOfThreadsDoesNotShow) {
  auto vit = model();
  const std::vector<float> images = generated_images(vit->config(), 3);
  const Results one = forward_all(*vit, images, 3);
  set_thread_count(3);
  const Results three = forward_all(*vit, images, 3);
  set_thread_count(1);
  EXPECT_EQ(one.tokens, three.tokens);
  EXPECT_EQ(one.logits, three.logits);
  EXPECT_EQ(one.attention, three.attention);
}

TEST_P(EachArithmetic, ABatchGivesWhatItsImagesGiveAlone) {
  auto vit = model();
  const size_t batch = 13;  // more than the engine takes at once, and not a multiple of it
  const std::vector<float> images = generated_images(vit->config(), batch);
  const Results all = forward_all(*vit, images, batch);
  const size_t image = images.size() / batch, dim = size_t(vit->config().dim);
  for (size_t i = 0; i < batch; ++i) {
    const Results one = forward_all(*vit, std::span(images).subspan(i * image, image), 1);
    EXPECT_EQ(one.pooled,
              std::vector<float>(all.pooled.begin() + i * dim, all.pooled.begin() + (i + 1) * dim))
        << i;
    const size_t tokens = one.tokens.size();
    EXPECT_EQ(one.tokens,
              std::vector<float>(all.tokens.begin() + i * tokens, all.tokens.begin() + (i + 1) * tokens));
    const size_t maps = one.attention.size() / 2;  // two blocks
    EXPECT_TRUE(
        std::equal(one.attention.begin(), one.attention.begin() + maps, all.attention.begin() + i * maps));
  }
}

// Asking for the embedding alone skips the other tokens of the last block: exact, only less work.
TEST(Vit, TheEmbeddingAloneIsTheSame) {
  auto vit = generated_model(tiny());
  const std::vector<float> images = generated_images(vit->config(), 3);
  const Results all = forward_all(*vit, images, 3);
  std::vector<float> pooled(all.pooled.size()), attention(all.attention.size() / 2);
  Outputs outputs{.pooled = pooled.data()};
  outputs.attention = {{1, attention.data()}};
  vit->forward(images.data(), 3, outputs);
  for (size_t i = 0; i < pooled.size(); ++i) EXPECT_NEAR(pooled[i], all.pooled[i], 2e-6f) << i;
  for (size_t i = 0; i < attention.size(); ++i) {
    EXPECT_NEAR(attention[i], all.attention[attention.size() + i], 1e-7f) << i;
  }
}

// What comes after the last thing asked for is not computed, and what is asked for stays the same.
TEST(Vit, StopsWhereNothingMoreIsWanted) {
  VitConfig config = tiny();
  config.depth = 4;
  auto vit = generated_model(config);
  const std::vector<float> images = generated_images(config, 2);
  const Results all = forward_all(*vit, images, 2);
  const size_t maps = all.attention.size() / 4;
  std::vector<float> attention(maps), block(all.tokens.size());
  const struct {
    int attention, block;
  } cases[] = {{1, -1}, {-1, 2}, {2, 0}, {0, 2}, {1, 1}, {3, 3}, {3, -1}};
  for (const auto& wanted : cases) {
    SCOPED_TRACE(testing::Message() << "attention " << wanted.attention << ", block " << wanted.block);
    Outputs outputs;
    if (wanted.attention >= 0) outputs.attention = {{wanted.attention, attention.data()}};
    if (wanted.block >= 0) outputs.blocks = {{wanted.block, false, block.data()}};
    vit->forward(images.data(), 2, outputs);
    if (wanted.block >= 0) {
      EXPECT_EQ(block, all.blocks[size_t(wanted.block)]);
    }
    for (size_t i = 0; wanted.attention >= 0 && i < maps; ++i) {
      ASSERT_NEAR(attention[i], all.attention[size_t(wanted.attention) * maps + i], 1e-7f) << i;
    }
    const double after = vit->profile().milliseconds()[size_t(Stage::kHead)];
    EXPECT_EQ(after, 0);
  }
}

TEST(Vit, BlockOutputsWithNorm) {
  auto vit = generated_model(tiny());
  const std::vector<float> image = generated_images(vit->config(), 1);
  std::vector<float> last(size_t(vit->config().tokens() * vit->config().dim)), features(last.size());
  Outputs outputs{.tokens = features.data()};
  outputs.blocks = {{1, true, last.data()}};
  vit->forward(image.data(), 1, outputs);
  EXPECT_EQ(last, features);
}

TEST(Vit, AttentionIsAProbability) {
  auto vit = generated_model(tiny());
  const std::vector<float> image = generated_images(vit->config(), 1);
  const Results r = forward_all(*vit, image, 1);
  const size_t patches = size_t(vit->config().patches());
  for (size_t map = 0; map < r.attention.size() / patches; ++map) {
    double sum = 0;
    for (size_t p = 0; p < patches; ++p) {
      EXPECT_GE(r.attention[map * patches + p], 0);
      sum += double(r.attention[map * patches + p]);
    }
    EXPECT_GT(sum, 0.5);
    EXPECT_LT(sum, 1);  // the rest is what CLS gives itself
  }
}

TEST_P(EachArithmetic, NoAllocationAfterTheFirstImage) {
  auto vit = model();
  const std::vector<float> images = generated_images(vit->config(), 2);
  std::vector<float> pooled(2 * size_t(vit->config().dim));
  const Outputs outputs{.pooled = pooled.data()};
  vit->forward(images.data(), 2, outputs);
  allocations() = {};
  for (size_t batch : {1u, 2u, 1u}) vit->forward(images.data(), batch, outputs);
  EXPECT_EQ(allocations().count, 0u);
}

TEST(Vit, RefusesWhatDoesNotExist) {
  auto vit = generated_model(tiny());
  const std::vector<float> image = generated_images(vit->config(), 1);
  std::vector<float> out(size_t(vit->config().tokens() * vit->config().dim));
  for (int block : {-1, 2}) {
    Outputs outputs;
    outputs.blocks = {{block, false, out.data()}};
    try {
      vit->forward(image.data(), 1, outputs);
      FAIL() << block;
    } catch (const Error& error) {
      EXPECT_STREQ(error.code(), code::kInvalidArgument);
    }
  }
  VitConfig headless = tiny();
  headless.num_classes = 0;
  auto plain = generated_model(headless);
  Outputs outputs{.logits = out.data()};
  try {
    plain->forward(image.data(), 1, outputs);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code::kNoHead);
  }
}

}  // namespace
}  // namespace vitreous::test

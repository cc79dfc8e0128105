#include "model/registry.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "base/error.h"
#include "support/generated_model.h"

namespace vitreous::test {
namespace {

// timm: sum(p.numel() for p in create_model(name, num_classes=0).parameters()), len(state_dict())
TEST(Registry, ParametersAsTimmCountsThem) {
  const struct {
    const char* name;
    size_t parameters, tensors;
  } expected[] = {{"vit_small_patch16_224.dino", 21665664, 150},
                  {"vit_small_patch8_224.dino", 21670272, 150},
                  {"vit_base_patch16_224.dino", 85798656, 150},
                  {"vit_base_patch8_224.dino", 85807872, 150},
                  {"vit_small_patch14_dinov2.lvd142m", 22056192, 174},
                  {"vit_base_patch14_dinov2.lvd142m", 86579712, 174},
                  {"vit_nano_patch16_224", 5243624, 80}};
  for (const auto& model : expected) {
    const WeightsBuilder builder(find_model(model.name).config);
    size_t parameters = 0;
    for (const vitreous::TensorSpec& tensor : builder.tensors()) {
      size_t count = 1;
      for (int64_t extent : tensor.shape) count *= size_t(extent);
      parameters += count;
    }
    EXPECT_EQ(parameters, model.parameters) << model.name;
    EXPECT_EQ(builder.tensors().size(), model.tensors) << model.name;
  }
}

TEST(Registry, EveryEntryIsPossible) {
  for (const ModelEntry& entry : models()) {
    EXPECT_NO_THROW(entry.config.check()) << entry.config.name;
    EXPECT_EQ(entry.data.width, entry.config.image_width);
    EXPECT_EQ(entry.data.height, entry.config.image_height);
    EXPECT_EQ(&find_model(entry.config.name), &entry);
  }
}

// timm.data.resolve_model_data_config(create_model("vit_base_patch14_dinov2.lvd142m"))
TEST(Registry, Dinov2sPreprocessingIsTimms) {
  for (const char* name : {"vit_small_patch14_dinov2.lvd142m", "vit_base_patch14_dinov2.lvd142m"}) {
    const DataConfig& data = find_model(name).data;
    EXPECT_EQ(data.width, 518);
    EXPECT_EQ(data.height, 518);
    EXPECT_EQ(data.crop_pct, 1);
    EXPECT_EQ(data.interpolation, Interpolation::kBicubic);
    EXPECT_EQ(data.mean, (std::array{0.485f, 0.456f, 0.406f}));
    EXPECT_EQ(data.std, (std::array{0.229f, 0.224f, 0.225f}));
  }
}

TEST(Registry, AnUnknownNameIsToldWhatThereIs) {
  try {
    find_model("vit_huge");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code::kUnknownModel);
    EXPECT_NE(std::string(error.what()).find("vit_base_patch16_224.dino"), std::string::npos);
  }
}

TEST(Config, RefusesWhatCannotBe) {
  const std::function<void(VitConfig&)> mistakes[] = {
      [](VitConfig& c) { c.patch_size = 0; },    [](VitConfig& c) { c.image_width = 225; },
      [](VitConfig& c) { c.image_height = 8; },  [](VitConfig& c) { c.heads = 0; },
      [](VitConfig& c) { c.heads = 5; },         [](VitConfig& c) { c.dim = 0; },
      [](VitConfig& c) { c.depth = 1 << 20; },   [](VitConfig& c) { c.mlp_dim = -1; },
      [](VitConfig& c) { c.num_classes = -1; },  [](VitConfig& c) { c.norm_eps = 0; },
      [](VitConfig& c) { c.dim = c.heads = 6; },
  };
  for (const auto& mistake : mistakes) {
    VitConfig config = find_model("vit_base_patch16_224.dino").config;
    mistake(config);
    try {
      config.check();
      ADD_FAILURE() << "mistake " << &mistake - mistakes;
    } catch (const Error& error) {
      EXPECT_STREQ(error.code(), code::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(config.name), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace vitreous::test

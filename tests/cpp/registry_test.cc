#include "model/registry.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

// A line of tests/goldens/registry/models.txt (tests/oracle/make_registry_goldens.py): what timm says of a
// model.
struct Line {
  std::string name, activation, global_pool, interpolation, crop_mode, license, hub;
  VitConfig config;
  DataConfig data;
  int channels;
  size_t parameters, tensors;
};

std::vector<Line> read_models() {
  std::ifstream file(golden_path("registry/models.txt"));
  std::vector<Line> lines;
  Line line;
  VitConfig& c = line.config;
  DataConfig& d = line.data;
  while (file >> line.name >> c.image_height >> c.image_width >> c.patch_size >> c.dim >> c.depth >>
         c.heads >> c.mlp_dim >> c.num_classes >> c.norm_eps >> c.layer_scale >> c.reg_tokens >>
         c.no_embed_class >> c.pre_norm >> line.activation >> line.global_pool >> c.fc_norm >>
         line.channels >> d.height >> d.width >> line.interpolation >> d.crop_pct >> line.crop_mode >>
         d.mean[0] >> d.mean[1] >> d.mean[2] >> d.std[0] >> d.std[1] >> d.std[2] >> line.parameters >>
         line.tensors >> line.license >> line.hub) {
    lines.push_back(line);
  }
  return lines;
}

TEST(Registry, EveryRowIsWhatTimmSays) {
  const std::vector<Line> lines = read_models();
  // All but the packaged model, which timm does not have.
  ASSERT_EQ(lines.size(), models().size() - 1);
  for (const Line& line : lines) {
    SCOPED_TRACE(line.name);
    const ModelEntry& entry = find_model(line.name);
    const VitConfig &c = entry.config, &expected = line.config;
    EXPECT_EQ(c.name, line.name);
    EXPECT_EQ(c.image_height, expected.image_height);
    EXPECT_EQ(c.image_width, expected.image_width);
    EXPECT_EQ(c.patch_size, expected.patch_size);
    EXPECT_EQ(c.dim, expected.dim);
    EXPECT_EQ(c.depth, expected.depth);
    EXPECT_EQ(c.heads, expected.heads);
    EXPECT_EQ(c.mlp_dim, expected.mlp_dim);
    EXPECT_EQ(c.num_classes, expected.num_classes);
    EXPECT_EQ(c.norm_eps, expected.norm_eps);
    EXPECT_EQ(c.layer_scale, expected.layer_scale);
    EXPECT_EQ(c.reg_tokens, expected.reg_tokens);
    EXPECT_EQ(c.no_embed_class, expected.no_embed_class);
    EXPECT_EQ(c.pre_norm, expected.pre_norm);
    EXPECT_EQ(c.activation == Activation::kQuickGelu ? "quick_gelu" : "gelu", line.activation);
    EXPECT_EQ(line.global_pool, "token");
    EXPECT_EQ(c.global_pool, GlobalPool::kToken);
    EXPECT_EQ(c.fc_norm, expected.fc_norm);
    const DataConfig& d = entry.data;
    EXPECT_EQ(line.channels, 3);
    EXPECT_EQ(d.height, line.data.height);
    EXPECT_EQ(d.width, line.data.width);
    EXPECT_EQ(d.interpolation == Interpolation::kBicubic ? "bicubic" : "bilinear", line.interpolation);
    EXPECT_EQ(d.crop_pct, line.data.crop_pct);
    EXPECT_EQ(line.crop_mode, "center");
    EXPECT_EQ(d.crop_mode, CropMode::kCenter);
    EXPECT_EQ(d.mean, line.data.mean);
    EXPECT_EQ(d.std, line.data.std);
    EXPECT_EQ(entry.license, line.license);
    EXPECT_EQ(entry.hub(), line.hub);
  }
}

// Of a block's tensors the golden has those of the first.
TEST(Registry, EveryRowHasTimmsTensors) {
  std::ifstream file(golden_path("registry/tensors.txt"));
  std::map<std::string, std::map<std::string, std::string>> golden;
  for (std::string model, tensor, shape; file >> model >> tensor >> shape;) golden[model][tensor] = shape;
  for (const Line& line : read_models()) {
    SCOPED_TRACE(line.name);
    const WeightsBuilder builder(find_model(line.name).config);
    size_t parameters = 0;
    std::map<std::string, std::string> shapes;
    for (const vitreous::TensorSpec& tensor : builder.tensors()) {
      size_t count = 1;
      std::string shape;
      for (int64_t extent : tensor.shape) {
        count *= size_t(extent);
        shape += (shape.empty() ? "" : "x") + std::to_string(extent);
      }
      parameters += count;
      std::string name = tensor.name;
      if (name.starts_with("blocks.")) name.replace(7, name.find('.', 7) - 7, "0");
      EXPECT_TRUE(shapes.emplace(name, shape).first->second == shape) << tensor.name;
    }
    EXPECT_EQ(shapes, golden[line.name]);
    EXPECT_EQ(parameters, line.parameters);
    EXPECT_EQ(builder.tensors().size(), line.tensors);
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

// timm.get_pretrained_cfg(architecture).tag
TEST(Registry, AnArchitectureAloneIsTimmsDefault) {
  std::ifstream file(golden_path("registry/defaults.json"));
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream text(line);
    std::string architecture, tag;
    if (!(text >> std::quoted(architecture)) || text.get() != ':' || !(text >> std::quoted(tag))) continue;
    EXPECT_EQ(find_model(architecture).config.name, architecture + "." + tag);
    ++count;
  }
  EXPECT_EQ(count, 14u);
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

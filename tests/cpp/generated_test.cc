// The generator must give the bits that numpy gave timm, else every golden of a generated model is for other
// weights.
#include "support/generated.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/golden.h"

namespace vitreous::test {
namespace {

struct Line {
  TensorSpec spec;
  std::uint32_t checksum, first, last;
};

// tests/oracle/make_generated_goldens.py describes the lines.
std::vector<Line> read_lines(const std::string& model) {
  std::ifstream file(golden_path("generated/" + model + ".txt"));
  std::vector<Line> lines;
  std::string name, shape;
  std::uint32_t sum, first, last;
  while (file >> name >> shape >> std::hex >> sum >> first >> last) {
    Line line{{name, {}}, sum, first, last};
    std::istringstream extents(shape);
    for (std::string extent; std::getline(extents, extent, 'x');)
      line.spec.shape.push_back(std::stoul(extent));
    lines.push_back(line);
  }
  return lines;
}

void expect_same_bits(const Line& line) {
  const std::vector<float> values = generate(line.spec.name, line.spec.shape);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values.front()), line.first) << line.spec.name;
  EXPECT_EQ(std::bit_cast<std::uint32_t>(values.back()), line.last) << line.spec.name;
  EXPECT_EQ(checksum(values), line.checksum) << line.spec.name << ". " << kRegenerate;
}

TEST(Generated, EveryRuleGivesNumpysBits) {
  const std::vector<Line> lines = read_lines("others");
  ASSERT_EQ(lines.size(), 8u);
  for (const Line& line : lines) expect_same_bits(line);
}

TEST(Generated, FullSizeModelGivesNumpysBits) {
  const std::vector<Line> lines = read_lines("vit_base_patch16_224.dino");
  ASSERT_EQ(lines.size(), 150u);
  for (const Line& line : lines) expect_same_bits(line);
}

TEST(Generated, TensorListsAreTimms) {
  const std::vector<std::pair<std::string, VitDims>> models = {
      {"vit_base_patch16_224.dino", {.dim = 768, .depth = 12, .patch = 16}},
      {"vit_base_patch8_224.dino", {.dim = 768, .depth = 12, .patch = 8}},
      {"vit_small_patch16_224.dino", {.dim = 384, .depth = 12, .patch = 16}},
      {"vit_small_patch8_224.dino", {.dim = 384, .depth = 12, .patch = 8}},
  };
  for (const auto& [model, dims] : models) {
    const std::vector<Line> lines = read_lines(model);
    const std::vector<TensorSpec> specs = vit_tensors(dims);
    ASSERT_EQ(specs.size(), lines.size()) << model;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      EXPECT_EQ(specs[i].name, lines[i].spec.name) << model;
      EXPECT_EQ(specs[i].shape, lines[i].spec.shape) << model << " " << specs[i].name;
    }
  }
}

TEST(Generated, UnknownTensorIsRefused) {
  EXPECT_THROW(generate("fc.running_mean", {3}), std::invalid_argument);
}

TEST(Golden, ReaderGivesShapeAndValues) {
  const auto features = read_npy<float>(golden_path("vit_base_patch16_224.dino/forward_features.npy"));
  EXPECT_EQ(features.shape, (Shape{197, 768}));
  EXPECT_TRUE(matches_golden("vit_base_patch16_224.dino/forward_features", features.data, 0));
  const auto stats = read_npy<double>(golden_path("vit_base_patch16_224.dino/blocks_stats.npy"));
  EXPECT_EQ(stats.shape, (Shape{12, 3}));
  EXPECT_LT(stats.data[1], stats.data[0]);  // minimum, mean
  EXPECT_LT(stats.data[0], stats.data[2]);  // mean, maximum
}

// The message with which `read` fails.
template <typename Read>
std::string failure(Read read) {
  try {
    read();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no failure";
}

TEST(Golden, ReaderSaysWhatIsWrong) {
  const std::string forward = golden_path("vit_base_patch16_224.dino/forward.npy");
  EXPECT_NE(failure([&] { read_npy<std::uint16_t>(forward); }).find("has not the element type '<u2'"),
            std::string::npos);
  EXPECT_NE(failure([&] { read_npy<float>(golden_path("absent.npy")); }).find("make_all.py"),
            std::string::npos);
  EXPECT_NE(failure([&] { read_npy<float>(golden_path("generated/others.txt")); }).find("is not a .npy"),
            std::string::npos);
}

TEST(Golden, DifferenceIsFoundAndDescribed) {
  auto features = read_npy<float>(golden_path("vit_base_patch16_224.dino/forward_features.npy")).data;
  features[12345] += 2e-4f;
  const auto result = matches_golden("vit_base_patch16_224.dino/forward_features", features, 1e-4);
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("at index 12345"), std::string::npos) << result.message();
  features[12345] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(matches_golden("vit_base_patch16_224.dino/forward_features", features, 1e9));
  features.pop_back();
  EXPECT_FALSE(matches_golden("vit_base_patch16_224.dino/forward_features", features, 1e9));
}

TEST(Golden, BlockComparisonSeesFractionsAndWholeNumbers) {
  const std::vector<std::uint16_t> golden = {0, 65535};  // 0 and just below 1, or any whole number away
  const auto difference = [&golden](float a, float b) {
    const std::vector<float> actual = {a, b};
    return max_abs_diff<float, std::uint16_t>(actual, golden, 0x1p-16, 1.0);
  };
  EXPECT_LT(difference(-3.0f, 7.0f).difference, 2e-5);
  EXPECT_NEAR(difference(0.25f, 7.0f).difference, 0.25, 1e-9);

  // All fractions right, all whole numbers dropped: only the norms can tell.
  const auto fractions = read_npy<std::uint16_t>(golden_path("vit_nano_patch16_224/blocks_fraction16.npy"));
  std::vector<float> wrapped(fractions.shape[1] * fractions.shape[2]);
  for (std::size_t i = 0; i < wrapped.size(); ++i)
    wrapped[i] = static_cast<float>(fractions.data[i]) * 0x1p-16f;
  const auto result = matches_golden_block("vit_nano_patch16_224", 0, wrapped, 1e-4);
  EXPECT_NE(std::string(result.message()).find("norm of a token"), std::string::npos) << result.message();
}

}  // namespace
}  // namespace vitreous::test

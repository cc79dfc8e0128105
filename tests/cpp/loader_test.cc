// Checkpoints that do not fit the model: each its own error, naming the tensor, and nothing left behind.
#include "model/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "support/allocations.h"
#include "support/generated_model.h"

namespace vitreous::test {
namespace {

VitConfig tiny(int classes = 0) {
  VitConfig config = find_model("vit_tiny_patch16_224").config;
  config.depth = 1;
  config.num_classes = classes;
  return config;
}

std::string checkpoint(const std::vector<TensorSpec>& specs) {
  std::string file = safetensors_head(specs);
  for (const TensorSpec& spec : specs) {
    const std::vector<float> values = generate(spec.name, spec.shape);
    file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  return file;
}

std::unique_ptr<VisionTransformer> load(const VitConfig& config, const std::string& file) {
  ModelLoader loader(config);
  loader.begin_file(file.size());
  loader.push(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  EXPECT_EQ(loader.expected_bytes(), file.size());
  loader.end_file();
  return loader.finish();
}

void expect_error(const VitConfig& config, const std::string& file, const char* code,
                  const std::string& named) {
  try {
    load(config, file);
    FAIL() << "no " << code;
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code);
    EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
  }
}

std::vector<float> embed(VisionTransformer& vit) {
  const std::vector<float> image = generated_images(vit.config(), 1);
  std::vector<float> pooled(size_t(vit.config().dim));
  vit.forward(image.data(), 1, {.pooled = pooled.data()});
  return pooled;
}

TEST(Loader, AnyOrderOfTensorsGivesTheSameModel) {
  std::vector<TensorSpec> specs = generated_tensors(tiny());
  const std::vector<float> expected = embed(*load(tiny(), checkpoint(specs)));
  std::reverse(specs.begin(), specs.end());
  EXPECT_EQ(embed(*load(tiny(), checkpoint(specs))), expected);
  std::sort(specs.begin(), specs.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  EXPECT_EQ(embed(*load(tiny(), checkpoint(specs))), expected);
}

TEST(Loader, AModelWithoutClassesLeavesTheHeadOut) {
  const std::string with_head = checkpoint(generated_tensors(tiny(5)));
  const std::string without = checkpoint(generated_tensors(tiny(0)));
  EXPECT_EQ(embed(*load(tiny(0), with_head)), embed(*load(tiny(0), without)));
}

TEST(Loader, MissingTensor) {
  std::vector<TensorSpec> specs = generated_tensors(tiny());
  std::erase_if(specs, [](const TensorSpec& spec) { return spec.name == "blocks.0.attn.proj.bias"; });
  expect_error(tiny(), checkpoint(specs), code::kTensorMissing, "blocks.0.attn.proj.bias");
}

TEST(Loader, MissingHead) {
  expect_error(tiny(5), checkpoint(generated_tensors(tiny(0))), code::kTensorMissing, "head.weight");
}

TEST(Loader, UnexpectedTensor) {
  std::vector<TensorSpec> specs = generated_tensors(tiny());
  specs.push_back({"blocks.1.norm1.bias", {192}});
  expect_error(tiny(), checkpoint(specs), code::kTensorUnexpected, "blocks.1.norm1.bias");
}

TEST(Loader, WrongShape) {
  std::vector<TensorSpec> specs = generated_tensors(tiny());
  for (TensorSpec& spec : specs) {
    if (spec.name == "pos_embed") spec.shape = {1, 50, 192};
  }
  expect_error(tiny(), checkpoint(specs), code::kTensorShape, "pos_embed");
}

TEST(Loader, NotANumber) {
  const std::vector<TensorSpec> specs = generated_tensors(tiny());
  std::string file = checkpoint(specs);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float* bias = &nan;
  file.replace(file.size() - sizeof nan, sizeof nan, reinterpret_cast<const char*>(bias), sizeof nan);
  expect_error(tiny(), file, code::kTensorNotFinite, specs.back().name);
}

TEST(Loader, Truncated) {
  const std::string file = checkpoint(generated_tensors(tiny()));
  expect_error(tiny(), file.substr(0, file.size() - 1), code::kCheckpointTruncated, "norm.bias");
}

// The peak is one tensor above the packed weights, whatever the file's size: no copy of the whole.
TEST(Loader, HoldsOneTensorAtATime) {
  const std::string file = checkpoint(generated_tensors(tiny()));
  allocations() = {};
  load(tiny(), file);
  EXPECT_LE(allocations().largest, size_t{4} * 192 * 768 + 4096);  // fc1, the largest tensor
}

}  // namespace
}  // namespace vitreous::test

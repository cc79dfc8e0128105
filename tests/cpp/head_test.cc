// DINO's linear probes, against tests/goldens/head (tests/oracle/make_head_goldens.py).
#include "model/head.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/expect_error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

std::string golden_file(const std::string& name) {
  std::ifstream file(golden_path(name), std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

const uint8_t* bytes(const std::string& file) { return reinterpret_cast<const uint8_t*>(file.data()); }

// The generated model with a classifier from a file of its own.
std::unique_ptr<VisionTransformer> model_with(const std::string& head_file,
                                              GlobalPool pool = GlobalPool::kToken) {
  VitConfig config = small_config(48, 5);
  config.global_pool = pool;
  config.num_classes = 3;  // of the model's own file: left out for the other
  ModelLoader loader(config, /*files=*/1, /*head=*/true);
  loader.begin_file(std::nullopt);
  push_generated(loader, config);
  loader.end_file();
  loader.begin_head(head_file.size());
  loader.push(bytes(head_file), head_file.size());
  loader.end_file();
  return loader.finish();
}

TEST(Head, DinosLinearProbesGiveTheLogitsOfEvalLinear) {
  for (const std::string name : {"cls4", "cls1_mean", "cls1"}) {
    SCOPED_TRACE(name);
    auto vit = model_with(golden_file("head/" + name + ".pth"));
    ASSERT_EQ(vit->config().num_classes, 10);
    const std::vector<float> images = generated_images(vit->config(), 2);
    std::vector<float> logits(20), pooled(2 * 64), alone(20);
    vit->forward(images.data(), 2, {.logits = alone.data()});
    EXPECT_TRUE(matches_golden("head/" + name, alone, 1e-4));
    // What is asked for besides does not change it, nor does the classifier change the rest.
    const size_t tokens = size_t(vit->config().tokens()) * 64;
    std::vector<float> all(2 * tokens), block(2 * tokens);
    vit->forward(images.data(), 2,
                 {.pooled = pooled.data(),
                  .logits = logits.data(),
                  .tokens = all.data(),
                  .blocks = {{1, true, block.data()}}});
    EXPECT_TRUE(matches_golden("head/" + name, logits, 1e-4));
    for (size_t b = 0; b < 2; ++b) {
      for (size_t d = 0; d < 64; ++d) EXPECT_EQ(pooled[b * 64 + d], all[b * tokens + d]);
    }
    if (name == "cls4") {
      expect_error(code::kUnsupported, {"last 4 blocks"},
                   [&] { vit->forward_head(all.data(), 2, false, logits.data()); });
    } else {
      vit->forward_head(all.data(), 2, false, logits.data());
      EXPECT_TRUE(matches_golden("head/" + name, logits, 1e-4));
    }
  }
}

TEST(Head, ProbesOfDinoNeedItsPooling) {
  const std::string on_cls = golden_file("head/cls1.pth");
  EXPECT_EQ(model_with(on_cls, GlobalPool::kAvg)->config().num_classes,
            10);  // any linear layer of dim features
  for (const char* probe : {"cls4", "cls1_mean"}) {
    const std::string file = golden_file(std::string("head/") + probe + ".pth");
    expect_error(code::kUnsupported, {"global_pool"}, [&] { model_with(file, GlobalPool::kAvg); });
  }
}

TEST(Head, OneThatDoesNotFitIsRefusedByName) {
  const auto refuse = [](const char* code, const std::vector<TensorSpec>& specs) {
    expect_error(code, {}, [&] { model_with(generated_file(specs)); });
  };
  refuse(code::kTensorMissing, {{"other.weight", {10, 64}}, {"other.bias", {10}}});
  refuse(code::kTensorMissing, {{"linear.weight", {10, 64}}});
  refuse(code::kTensorShape, {{"linear.weight", {10, 96}}, {"linear.bias", {10}}});
  refuse(code::kTensorShape, {{"linear.weight", {10, 6 * 64}}, {"linear.bias", {10}}});
  refuse(code::kTensorShape, {{"linear.weight", {10, 32}}, {"linear.bias", {10}}});
  refuse(code::kTensorShape, {{"linear.weight", {10, 64}}, {"linear.bias", {9}}});
  const std::string file = generated_file({{"linear.weight", {10, 64}}, {"linear.bias", {10}}});
  EXPECT_EQ(model_with(file)->config().num_classes, 10);
  expect_error(code::kCheckpointTruncated, {}, [&] { model_with(file.substr(0, file.size() - 1)); });
}

}  // namespace
}  // namespace vitreous::test

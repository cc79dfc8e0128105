// Images of another size than the checkpoint's, against tests/goldens/img_size
// (tests/oracle/make_img_size_goldens.py).
#include <gtest/gtest.h>

#include <string>

#include "support/expect_error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

TEST(ImgSize, OtherSizesGiveTimmsNumbers) {
  const VitConfig pretrained = small_config(96, 3);
  for (const auto& [height, width] : {std::pair{96, 96}, {64, 64}, {160, 160}, {64, 112}}) {
    VitConfig config = pretrained;
    config.image_height = height;
    config.image_width = width;
    config.pretrained_height = config.pretrained_width = 96;
    config.check();
    ModelLoader loader(config);
    loader.begin_file(std::nullopt);
    push_generated(loader, pretrained);
    loader.end_file();
    auto vit = loader.finish();
    const std::vector<float> image = generated_images(config, 1);
    std::vector<float> pooled(64);
    vit->forward(image.data(), 1, {.pooled = pooled.data()});
    const std::string name = std::to_string(height) + "x" + std::to_string(width);
    EXPECT_TRUE(matches_golden("img_size/" + name, pooled, 1e-4));
  }
}

TEST(ImgSize, MustBeOfWholePatches) {
  VitConfig config = small_config(96, 3);
  config.image_width = 100;
  expect_error(code::kInvalidArgument, {"100", "patch size 16"}, [&] { config.check(); });
}

}  // namespace
}  // namespace vitreous::test

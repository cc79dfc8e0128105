// timm's eval transform, byte for byte before normalisation and bit for bit after it.
#include "image/transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/golden.h"
#include "support/image_golden.h"

namespace vitreous::test {
namespace {

using Bytes = std::vector<uint8_t>;

struct Golden {
  int width, height, channels;
  DataConfig config;
  uint64_t pixels, planes;
  std::array<double, 8> samples;
  std::string name;  // the line's words before the hashes
};

CropMode crop_mode_named(const std::string& name) {
  if (name == "center") return CropMode::kCenter;
  if (name == "squash") return CropMode::kSquash;
  if (name == "border") return CropMode::kBorder;
  throw std::invalid_argument("no crop mode is called " + name);
}

// goldens/image/meta.json names the columns.
std::vector<Golden> read_goldens() {
  std::ifstream file(golden_path("image/transform.txt"));
  std::vector<Golden> goldens;
  Golden g;
  std::string interpolation, crop_mode, mean_std;
  while (file >> g.width >> g.height >> g.channels >> g.config.width >> g.config.height >> interpolation >>
         g.config.crop_pct >> crop_mode >> mean_std >> std::hex >> g.pixels >> g.planes >> std::dec) {
    for (double& sample : g.samples) file >> sample;
    g.config.interpolation = interpolation_named(interpolation);
    g.config.crop_mode = crop_mode_named(crop_mode);
    g.config.mean = mean_std == "inception" ? std::array{0.5, 0.5, 0.5} : DataConfig{}.mean;
    g.config.std = mean_std == "inception" ? std::array{0.5, 0.5, 0.5} : DataConfig{}.std;
    g.name = std::to_string(g.width) + "×" + std::to_string(g.height) + "×" + std::to_string(g.channels) +
             " to " + std::to_string(g.config.width) + "×" + std::to_string(g.config.height) + ", " +
             interpolation + ", " + crop_mode + ", crop_pct " + std::to_string(g.config.crop_pct) + ", " +
             mean_std;
    goldens.push_back(g);
  }
  return goldens;
}

std::vector<float> run(Transform& transform, int width, int height, int channels, int portion) {
  transform.begin(width, height, channels);
  const Range rows = transform.needed_rows();
  for (int y = rows.first; y < rows.last; y += portion) {
    const Range part = {y, std::min(y + portion, rows.last)};
    transform.push(generated_part(transform.needed_columns(), part, channels).data(), part.count());
  }
  const DataConfig& config = transform.config();
  std::vector<float> planes(3 * static_cast<size_t>(config.width) * static_cast<size_t>(config.height));
  transform.finish(planes.data());
  return planes;
}

TEST(Transform, GivesTimmsPlanes) {
  const std::vector<Golden> goldens = read_goldens();
  EXPECT_GE(goldens.size(), 190u);
  for (const Golden& g : goldens) {
    SCOPED_TRACE(g.name + ". " + kRegenerate);
    Transform transform(g.config);
    const std::vector<float> planes = run(transform, g.width, g.height, g.channels, 64);
    EXPECT_EQ(fnv(transform.pixels().data(), transform.pixels().size()), g.pixels);
    for (size_t k = 0; k < g.samples.size(); ++k) {
      EXPECT_NEAR(planes[k * (planes.size() - 1) / 7], g.samples[k], 1e-6) << "sample " << k;
    }
    // Every element, to the bit: subtraction and division are exact in IEEE 754.
    EXPECT_EQ(fnv(planes.data(), planes.size() * sizeof(float)), g.planes);
  }
}

// One Transform, sizes and channels in any order, rows in any portions: nothing of an earlier image remains.
TEST(Transform, ServesAnyImagesInARow) {
  std::vector<Golden> goldens;
  for (const Golden& g : read_goldens()) {
    if (g.config.crop_pct == 1.1 && g.config.crop_mode == CropMode::kCenter) goldens.push_back(g);
  }
  ASSERT_GE(goldens.size(), 12u);
  Transform transform(goldens[0].config);
  for (int portion : {1, 5, 1000}) {
    for (const Golden& g : goldens) {
      run(transform, g.width, g.height, g.channels, portion);
      EXPECT_EQ(fnv(transform.pixels().data(), transform.pixels().size()), g.pixels) << g.name;
    }
    std::reverse(goldens.begin(), goldens.end());
  }
}

TEST(Transform, NeedsOnlyWhatIsUnderTheCrop) {
  Transform transform(DataConfig{});
  transform.begin(1, 12000, 4);  // resized to 248 × 2,976,000, of which 224 rows are shown
  const Range needed = transform.needed_rows();
  EXPECT_GE(needed.first, 5996);
  EXPECT_LE(needed.last, 6004);
  transform.begin(480, 640, 3);
  // Resized to 248 × 330, rows 53 … 276 are shown: (53.5 - 2) · 640 / 330 rounds to 100, (276.5 + 2) · 640 /
  // 330 to 540.
  EXPECT_EQ(transform.needed_rows(), (Range{100, 540}));
  // Columns 12 … 235: (12.5 - 2) · 480 / 248 rounds to 20, (235.5 + 2) · 480 / 248 to 460.
  EXPECT_EQ(transform.needed_columns(), (Range{20, 460}));
  transform.begin(4000, 3000, 4);  // the middle two thirds of the columns, but for the filter's reach
  EXPECT_LE(transform.needed_columns().count(), 2770);
}

template <typename Function>
void expect_error(const char* code, Function function) {
  try {
    function();
    FAIL() << "expected " << code;
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code) << error.what();
  }
}

TEST(Transform, RefusesImpossibleConfigs) {
  const auto refuse = [](auto change) {
    DataConfig config;
    change(config);
    expect_error(code::kInvalidArgument, [&] { Transform transform(config); });
  };
  refuse([](DataConfig& c) { c.width = 0; });
  refuse([](DataConfig& c) { c.height = 1 << 20; });
  refuse([](DataConfig& c) { c.crop_pct = 0; });
  refuse([](DataConfig& c) { c.crop_pct = -0.9; });
  refuse([](DataConfig& c) { c.crop_pct = 300; });
  refuse([](DataConfig& c) { c.crop_pct = 1e-9; });
  refuse([](DataConfig& c) { c.crop_pct = std::numeric_limits<double>::quiet_NaN(); });
  refuse([](DataConfig& c) { c.std[1] = 0; });
  refuse([](DataConfig& c) { c.mean[2] = std::numeric_limits<double>::infinity(); });
}

TEST(Transform, RefusesImpossibleImagesAndMissingRows) {
  Transform transform(DataConfig{});
  std::vector<float> planes(3 * 224 * 224);
  const Bytes rows = generated_image(300, 250, 3);
  expect_error(code::kInvalidImage, [&] { transform.finish(planes.data()); });
  expect_error(code::kInvalidImage, [&] { transform.push(rows.data(), 1); });
  expect_error(code::kInvalidImage, [&] { transform.begin(0, 5, 3); });
  expect_error(code::kInvalidImage, [&] { transform.begin(5, kMaxImageSide + 1, 3); });
  expect_error(code::kInvalidImage, [&] { transform.begin(5, 5, 2); });

  transform.begin(300, 250, 3);
  const int needed = transform.needed_rows().count();
  transform.push(rows.data(), 200);
  expect_error(code::kInvalidImage, [&] { transform.finish(planes.data()); });
  expect_error(code::kInvalidImage, [&] { transform.push(rows.data(), needed - 199); });
  // An image that is refused leaves nothing half begun, and the next one is unharmed.
  expect_error(code::kInvalidImage, [&] { transform.begin(-1, 5, 3); });
  expect_error(code::kInvalidImage, [&] { transform.push(rows.data(), 1); });
  transform.begin(300, 250, 3);
  transform.push(rows.data(), needed);
  transform.finish(planes.data());

  DataConfig border;
  border.crop_mode = CropMode::kBorder;
  Transform narrow(border);  // the short side would be round(248 / 12000) = 0 pixels
  expect_error(code::kInvalidImage, [&] { narrow.begin(12000, 1, 3); });
}

}  // namespace
}  // namespace vitreous::test

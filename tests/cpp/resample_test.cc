// Pillow's bytes, for every way an image can shrink, grow or arrive.
#include "image/resample.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/golden.h"
#include "support/image_golden.h"

namespace vitreous::test {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Resize, GivesPillowsBytes) {
  std::ifstream file(golden_path("image/resize.txt"));
  int in_width, in_height, out_width, out_height, lines = 0;
  std::string interpolation;
  uint64_t hash;
  while (file >> in_width >> in_height >> out_width >> out_height >> interpolation >> std::hex >> hash >>
         std::dec) {
    const Bytes source = generated_image(in_width, in_height, 3);
    const Bytes resized = resize_rgb8(source.data(), in_width, in_height, 3, out_width, out_height,
                                      interpolation_named(interpolation));
    EXPECT_EQ(fnv(resized.data(), resized.size()), hash)
        << in_width << "×" << in_height << " to " << out_width << "×" << out_height << ", " << interpolation
        << ". " << kRegenerate;
    ++lines;
  }
  EXPECT_GE(lines, 120);
}

TEST(Resize, SameSizeIsACopy) {
  const Bytes source = generated_image(61, 47, 3);
  EXPECT_EQ(resize_rgb8(source.data(), 61, 47, 3, 61, 47, Interpolation::kBicubic), source);
}

TEST(Resize, DropsAlphaAndRepeatsGrey) {
  const Bytes rgb = generated_image(101, 77, 3), grey = generated_image(101, 77, 1);
  Bytes rgba, grey_as_rgb;
  for (size_t i = 0; i < grey.size(); ++i) {
    rgba.insert(rgba.end(), rgb.begin() + static_cast<ptrdiff_t>(3 * i),
                rgb.begin() + static_cast<ptrdiff_t>(3 * i + 3));
    rgba.push_back(static_cast<uint8_t>(i * 37));
    grey_as_rgb.insert(grey_as_rgb.end(), 3, grey[i]);
  }
  const auto resize = [](const Bytes& source, int channels) {
    return resize_rgb8(source.data(), 101, 77, channels, 40, 90, Interpolation::kBicubic);
  };
  EXPECT_EQ(resize(rgba, 4), resize(rgb, 3));
  EXPECT_EQ(resize(grey, 1), resize(grey_as_rgb, 3));
}

// Any box of the resized image, its source rows arriving in any portions, and the buffers of earlier images
// at hand.
TEST(Resampler, BoxesAndPortionsGiveTheSameBytes) {
  struct Case {
    int width, height, out_width, out_height;
    Box box;
  };
  const Case cases[] = {{211, 307, 53, 71, {7, 11, 31, 43}},   {211, 307, 53, 71, {8, 10, 31, 43}},
                        {23, 19, 200, 160, {150, 3, 50, 157}}, {64, 500, 64, 20, {0, 19, 64, 1}},
                        {90, 400, 60, 50, {5, 6, 40, 39}},     {500, 9, 20, 9, {19, 0, 1, 9}}};
  Resampler resampler;
  for (const Case& c : cases) {
    const Bytes source = generated_image(c.width, c.height, 4);
    const Bytes whole =
        resize_rgb8(source.data(), c.width, c.height, 4, c.out_width, c.out_height, Interpolation::kBicubic);
    const auto bytes = [](int pixels) { return 3 * static_cast<size_t>(pixels); };
    Bytes expected;
    for (int y = c.box.top; y < c.box.top + c.box.height; ++y) {
      const auto row = whole.begin() + static_cast<ptrdiff_t>(bytes(y * c.out_width + c.box.left));
      expected.insert(expected.end(), row, row + static_cast<ptrdiff_t>(bytes(c.box.width)));
    }
    for (int portion : {1, 3, 4, 7, c.height}) {
      Bytes out(bytes(c.box.width * c.box.height));
      resampler.begin(c.width, c.height, 4, c.out_width, c.out_height, c.box, Interpolation::kBicubic,
                      out.data(), bytes(c.box.width));
      const Range needed = resampler.needed_rows();
      for (int y = needed.first; y < needed.last; y += portion) {
        EXPECT_EQ(resampler.next_row(), y);
        EXPECT_FALSE(resampler.done());
        const Range part = {y, std::min(y + portion, needed.last)};
        // A copy of its own, so that a sanitizer sees a read outside the portion.
        resampler.push(generated_part(resampler.needed_columns(), part, 4).data(), part.count());
      }
      EXPECT_TRUE(resampler.done());
      EXPECT_EQ(out, expected) << c.width << "×" << c.height << " in portions of " << portion;
    }
  }
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

TEST(Resize, RefusesImpossibleImages) {
  const Bytes source(12);
  const auto resize = [&](int w, int h, int channels, int out_w, int out_h) {
    resize_rgb8(source.data(), w, h, channels, out_w, out_h, Interpolation::kBicubic);
  };
  expect_error(code::kInvalidImage, [&] { resize(0, 1, 3, 4, 4); });
  expect_error(code::kInvalidImage, [&] { resize(1, -1, 3, 4, 4); });
  expect_error(code::kInvalidImage, [&] { resize(kMaxImageSide + 1, 1, 3, 4, 4); });
  expect_error(code::kInvalidImage, [&] { resize(2, 2, 2, 4, 4); });
  expect_error(code::kInvalidArgument, [&] { resize(2, 2, 3, 0, 4); });
  expect_error(code::kInvalidArgument, [&] { resize(2, 2, 3, 2147483647, 2147483647); });
}

TEST(Resampler, RefusesRowsThatAreNotNeeded) {
  Bytes out(3 * 10 * 2);
  Resampler resampler;
  resampler.begin(50, 40, 3, 10, 8, {0, 3, 10, 2}, Interpolation::kBilinear, out.data(), 30);
  const Range needed = resampler.needed_rows();
  EXPECT_EQ(needed, (Range{13, 28}));
  EXPECT_EQ(resampler.needed_columns(), (Range{0, 50}));
  const Bytes rows = generated_part(resampler.needed_columns(), needed, 3);
  expect_error(code::kInvalidImage, [&] { resampler.push(rows.data(), 16); });
  expect_error(code::kInvalidImage, [&] { resampler.push(rows.data(), -1); });
  resampler.push(rows.data(), 14);
  EXPECT_FALSE(resampler.done());
  expect_error(code::kInvalidImage, [&] { resampler.push(rows.data(), 2); });
}

}  // namespace
}  // namespace vitreous::test

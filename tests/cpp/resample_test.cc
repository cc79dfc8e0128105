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
    const Bytes source = generated_rows(in_width, 3, 0, in_height);
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
  const Bytes source = generated_rows(61, 3, 0, 47);
  EXPECT_EQ(resize_rgb8(source.data(), 61, 47, 3, 61, 47, Interpolation::kBicubic), source);
}

TEST(Resize, DropsAlphaAndRepeatsGrey) {
  const Bytes rgb = generated_rows(101, 3, 0, 77), grey = generated_rows(101, 1, 0, 77);
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
    const Bytes source = generated_rows(c.width, 4, 0, c.height);
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
      const RowRange needed = resampler.needed_rows();
      resampler.skip(needed.first);
      while (!resampler.done()) {
        const int y = resampler.next_row(), n = std::min(portion, c.height - y);
        // A copy of its own, so that a sanitizer sees a read outside the portion.
        const Bytes rows = generated_rows(c.width, 4, y, n);
        resampler.push(rows.data(), n);
      }
      EXPECT_LT(resampler.next_row() - portion, needed.last);
      EXPECT_GE(resampler.next_row(), needed.last);
      resampler.skip(c.height - resampler.next_row());
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

TEST(Resampler, RefusesRowsOutOfPlace) {
  const Bytes source = generated_rows(50, 3, 0, 40);
  Bytes out(3 * 10 * 2);
  Resampler resampler;
  resampler.begin(50, 40, 3, 10, 8, {0, 3, 10, 2}, Interpolation::kBilinear, out.data(), 30);
  const RowRange needed = resampler.needed_rows();
  EXPECT_EQ(needed, (RowRange{13, 28}));
  expect_error(code::kInvalidImage, [&] { resampler.skip(needed.first + 1); });
  expect_error(code::kInvalidImage, [&] { resampler.push(source.data(), 41); });
  expect_error(code::kInvalidImage, [&] { resampler.push(source.data(), -1); });
  resampler.push(source.data(), needed.last - 1);
  EXPECT_FALSE(resampler.done());
  expect_error(code::kInvalidImage, [&] { resampler.skip(1); });
}

}  // namespace
}  // namespace vitreous::test

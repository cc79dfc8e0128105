#include "model/pos_embed.h"

#include <gtest/gtest.h>

#include <string>

#include "support/generated.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

constexpr size_t kDim = 8;
// torch computes the coordinates in float32, to 2^-20 where they are between 8 and 32; slopes are below 4.
constexpr double kTolerance = 4 * 0x1p-20;

TEST(PosEmbed, IsResampledAsInTimm) {
  const struct {
    Grid from, to;
  } cases[] = {{{14, 14}, {7, 7}}, {{14, 14}, {21, 21}}, {{14, 14}, {42, 28}}, {{14, 14}, {10, 17}},
               {{14, 14}, {1, 3}}, {{28, 28}, {14, 30}}, {{37, 37}, {16, 16}}};
  for (const auto& [from, to] : cases) {
    const auto name = [](Grid grid) {
      return std::to_string(grid.height) + "x" + std::to_string(grid.width);
    };
    const auto tokens = 1 + static_cast<size_t>(from.height * from.width);
    const std::vector<float> pos_embed = generate("pos_embed", {1, tokens, kDim});
    EXPECT_TRUE(matches_golden("pos_embed/" + name(from) + "_to_" + name(to),
                               resample_pos_embed(pos_embed, kDim, 1, from, to, PosEmbedInterpolation::kTimm),
                               kTolerance));
  }
}

TEST(PosEmbed, OfTheSameGridStaysAsItIs) {
  const std::vector<float> pos_embed = generate("pos_embed", {1, 1 + 14 * 14, kDim});
  EXPECT_EQ(resample_pos_embed(pos_embed, kDim, 1, {14, 14}, {14, 14}, PosEmbedInterpolation::kTimm),
            pos_embed);
}

}  // namespace
}  // namespace vitreous::test

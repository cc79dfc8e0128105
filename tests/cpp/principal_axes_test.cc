// Principal axes in pieces against scikit-learn's PCA, tests/goldens/groups
// (tests/oracle/make_group_goldens.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "recipes/pca.h"
#include "support/expect_error.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

TEST(PrincipalAxes, InPiecesTheyAreScikitLearns) {
  const auto points = read_npy<float>(golden_path("groups/points.npy"));
  const auto expected = read_npy<double>(golden_path("groups/pca.npy"));
  const size_t n = points.shape[0], dim = points.shape[1];
  PrincipalAxes axes(dim);
  for (size_t first = 0; first < n; first += 77) {
    axes.add(std::min<size_t>(77, n - first), points.data.data() + first * dim);
  }
  axes.add(0, nullptr);
  std::vector<float> projected(n * 2);
  axes.fit(2).apply(n, points.data.data(), projected.data());
  // Each axis may point either way.
  for (size_t axis : {0, 1}) {
    const double sign = (projected[axis] < 0) == (expected.data[axis] < 0) ? 1 : -1;
    for (size_t i = axis; i < n * 2; i += 2) EXPECT_NEAR(projected[i], sign * expected.data[i], 1e-5) << i;
  }
}

TEST(PrincipalAxes, TakeTwoRowsAndNoMoreAxesThanNumbers) {
  PrincipalAxes axes(3);
  const std::vector<float> x = {1, 2, 3, 3, 2, 1};
  axes.add(1, x.data());
  expect_error(code::kInvalidArgument, {"two vectors"}, [&] { axes.fit(2); });
  axes.add(1, x.data() + 3);
  EXPECT_EQ(axes.fit(2).axes.size(), 6u);
  expect_error(code::kInvalidArgument, {"as many dimensions"}, [&] { axes.fit(4); });
}

}  // namespace
}  // namespace vitreous::test

#include "recipes/ranking.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace vitreous {

std::vector<size_t> largest_first(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return values[i] != values[j] ? values[i] > values[j] : i < j; });
  return order;
}

float kth_largest(std::vector<float> values, size_t k) {
  const auto kth = values.begin() + long(k - 1);
  std::nth_element(values.begin(), kth, values.end(), std::greater<>());
  return *kth;
}

}  // namespace vitreous

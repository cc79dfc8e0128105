#include "image/filter.h"

#include <algorithm>
#include <cmath>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF  // a fused multiply-add would round the weights unlike Pillow
#endif

namespace vitreous {
namespace {

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic convolution with a = -0.5, written in Pillow's order of operations.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

}  // namespace

void plan_window(int in_size, int out_size, int i, Interpolation interpolation, FilterWindow& window) {
  const auto filter = interpolation == Interpolation::kBicubic ? bicubic : bilinear;
  const double filter_support = interpolation == Interpolation::kBicubic ? 2.0 : 1.0;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_support * filter_scale;
  const double inverse_filter_scale = 1.0 / filter_scale;

  const double center = (i + 0.5) * scale;
  window.begin = std::max(static_cast<int>(center - support + 0.5), 0);
  const int end = std::min(static_cast<int>(center + support + 0.5), in_size);
  window.weights.clear();
  double total = 0.0;
  for (int x = 0; x < end - window.begin; ++x) {
    window.weights.push_back(filter((x + window.begin - center + 0.5) * inverse_filter_scale));
    total += window.weights.back();
  }
  if (total == 0.0) return;
  for (double& weight : window.weights) weight /= total;
}

}  // namespace vitreous

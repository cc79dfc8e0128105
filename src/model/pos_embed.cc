#include "model/pos_embed.h"

#include <algorithm>
#include <cmath>

#include "image/filter.h"

namespace vitreous {
namespace {

// Keys' cubic convolution, a = -0.75, at a distance x < 2.
double cubic(double x) {
  constexpr double a = -0.75;
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

// torch.nn.functional.interpolate(mode='bicubic', scale_factor=(out_size + 0.1) / in_size): four neighbours,
// those beyond the border being the last one once more.
void plan_dino_window(int in_size, int out_size, int i, FilterWindow& window) {
  const double center = (i + 0.5) * in_size / (out_size + 0.1) - 0.5;
  const int first = int(std::floor(center)) - 1;
  window.begin = std::clamp(first, 0, in_size - 1);
  window.weights.assign(size_t(std::clamp(first + 3, 0, in_size - 1) - window.begin + 1), 0.0);
  for (int x = first; x < first + 4; ++x) {
    window.weights[size_t(std::clamp(x, 0, in_size - 1) - window.begin)] += cubic(std::abs(x - center));
  }
}

// One line of `in_size` vectors of dim values, in_step values apart → out_size vectors, out_step apart.
void resample_line(const float* in, size_t in_step, int in_size, float* out, size_t out_step, int out_size,
                   size_t dim, PosEmbedInterpolation interpolation) {
  FilterWindow window;
  for (int i = 0; i < out_size; ++i, out += out_step) {
    if (interpolation == PosEmbedInterpolation::kDino) {
      plan_dino_window(in_size, out_size, i, window);
    } else {
      plan_window(in_size, out_size, i, Interpolation::kBicubic, window);
    }
    std::fill_n(out, dim, 0.0f);
    const float* from = in + in_step * size_t(window.begin);
    for (double weight : window.weights) {
      for (size_t d = 0; d < dim; ++d) out[d] += float(weight) * from[d];
      from += in_step;
    }
  }
}

}  // namespace

std::vector<float> resample_pos_embed(const std::vector<float>& pos_embed, size_t dim, size_t prefix,
                                      Grid from, Grid to, PosEmbedInterpolation interpolation) {
  const size_t start = prefix * dim;
  const size_t in_row = size_t(from.width) * dim, out_row = size_t(to.width) * dim;
  std::vector<float> rows(size_t(from.height) * out_row);  // (from.height, to.width, dim)
  for (int y = 0; y < from.height; ++y) {
    resample_line(pos_embed.data() + start + size_t(y) * in_row, dim, from.width,
                  rows.data() + size_t(y) * out_row, dim, to.width, dim, interpolation);
  }
  std::vector<float> out(start + size_t(to.height) * out_row);
  std::copy_n(pos_embed.data(), start, out.data());
  for (int x = 0; x < to.width; ++x) {
    const size_t column = size_t(x) * dim;
    resample_line(rows.data() + column, out_row, from.height, out.data() + start + column, out_row, to.height,
                  dim, interpolation);
  }
  return out;
}

}  // namespace vitreous

#include "model/pos_embed.h"

#include <algorithm>

#include "image/filter.h"

namespace vitreous {
namespace {

// One line of `in_size` vectors of dim values, in_step values apart → out_size vectors, out_step apart.
void resample_line(const float* in, size_t in_step, int in_size, float* out, size_t out_step, int out_size,
                   size_t dim) {
  FilterWindow window;
  for (int i = 0; i < out_size; ++i, out += out_step) {
    plan_window(in_size, out_size, i, Interpolation::kBicubic, window);
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
                                      Grid from, Grid to) {
  const size_t start = prefix * dim;
  const size_t in_row = size_t(from.width) * dim, out_row = size_t(to.width) * dim;
  std::vector<float> rows(size_t(from.height) * out_row);  // (from.height, to.width, dim)
  for (int y = 0; y < from.height; ++y) {
    resample_line(pos_embed.data() + start + size_t(y) * in_row, dim, from.width,
                  rows.data() + size_t(y) * out_row, dim, to.width, dim);
  }
  std::vector<float> out(start + size_t(to.height) * out_row);
  std::copy_n(pos_embed.data(), start, out.data());
  for (int x = 0; x < to.width; ++x) {
    const size_t column = size_t(x) * dim;
    resample_line(rows.data() + column, out_row, from.height, out.data() + start + column, out_row, to.height,
                  dim);
  }
  return out;
}

}  // namespace vitreous

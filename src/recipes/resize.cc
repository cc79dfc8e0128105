#include "recipes/resize.h"

#include <cmath>
#include <vector>

namespace vitreous {
namespace {

constexpr size_t kOutside = size_t(-1);

// The input under the middle of each output. Summed up as Pillow does it: where a middle lies on an edge the
// rounding decides.
std::vector<size_t> sources(double first, double extent, size_t out, size_t in) {
  const double step = extent / double(out);
  double at = first + step * 0.5;
  std::vector<size_t> inputs;
  for (size_t i = 0; i < out; ++i, at += step) {
    const double floor = std::floor(at);
    inputs.push_back(floor >= 0 && floor < double(in) ? size_t(floor) : kOutside);
  }
  return inputs;
}

}  // namespace

void resize_nearest(size_t count, MapSize from, const uint8_t* planes, const Region& region, MapSize to,
                    uint8_t* out) {
  const std::vector<size_t> rows = sources(region.y, region.height, to.height, from.height);
  const std::vector<size_t> columns = sources(region.x, region.width, to.width, from.width);
  for (size_t plane = 0; plane < count; ++plane, planes += from.height * from.width) {
    for (size_t row : rows) {
      for (size_t column : columns) {
        *out++ = row == kOutside || column == kOutside ? 0 : planes[row * from.width + column];
      }
    }
  }
}

}  // namespace vitreous

// The antialiasing filters of Pillow (src/libImaging/Resample.c), which torch.nn.functional.interpolate took
// over for antialias=True: when a line shrinks, the filter's support grows with the scale.
#pragma once

#include <vector>

namespace vitreous {

enum class Interpolation { kBilinear, kBicubic };

struct FilterWindow {
  int begin = 0;                // the first input position
  std::vector<double> weights;  // of the inputs from there on; they sum to one
};

// What output `i` of `out_size` takes of a line of `in_size`.
void plan_window(int in_size, int out_size, int i, Interpolation interpolation, FilterWindow& window);

}  // namespace vitreous

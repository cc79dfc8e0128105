// Sorting, once for all recipes: each std::sort is some kilobytes of wasm.
#pragma once

#include <cstddef>
#include <vector>

namespace vitreous {

// The indices of the values, the largest value first; equal ones in their order.
std::vector<size_t> largest_first(const std::vector<double>& values);

// The k-th largest of them, k from 1 on.
float kth_largest(std::vector<float> values, size_t k);

}  // namespace vitreous

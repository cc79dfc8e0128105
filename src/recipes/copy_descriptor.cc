#include "recipes/copy_descriptor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "recipes/vectors.h"

namespace vitreous {

void copy_descriptors(size_t count, size_t prefix, size_t patches, size_t dim, const float* tokens, double p,
                      float* out) {
  parallel_for(count, 1, [&](size_t image, size_t) {
    const float* cls = tokens + image * (prefix + patches) * dim;
    const float* patch = cls + prefix * dim;
    std::vector<double> sums(dim);
    for (size_t i = 0; i < patches; ++i, patch += dim) {
      for (size_t d = 0; d < dim; ++d) sums[d] += power(std::max(double(patch[d]), 1e-6), p);
    }
    float* descriptor = out + image * 2 * dim;
    std::copy_n(cls, dim, descriptor);
    for (size_t d = 0; d < dim; ++d) descriptor[dim + d] = float(power(sums[d] / double(patches), 1 / p));
  });
}

}  // namespace vitreous

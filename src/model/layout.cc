#include "model/layout.h"

#include <algorithm>

namespace vitreous {

void prefix_tokens(const float* tokens, size_t batch, TokenCount count, size_t dim, float* prefix) {
  for (size_t b = 0; b < batch; ++b) {
    prefix = std::copy_n(tokens + b * count.all() * dim, count.prefix * dim, prefix);
  }
}

void patch_tokens(const float* tokens, size_t batch, TokenCount count, size_t dim, bool nchw, float* out) {
  const size_t patches = count.patches;
  for (size_t b = 0; b < batch; ++b, out += patches * dim) {
    const float* first = tokens + (b * count.all() + count.prefix) * dim;
    if (!nchw) {
      std::copy_n(first, patches * dim, out);
      continue;
    }
    for (size_t d = 0; d < dim; ++d) {
      for (size_t p = 0; p < patches; ++p) out[d * patches + p] = first[p * dim + d];
    }
  }
}

}  // namespace vitreous

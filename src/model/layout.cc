#include "model/layout.h"

#include <cstring>

namespace vitreous {

void prefix_tokens(const float* tokens, size_t batch, size_t patches, size_t dim, float* prefix) {
  for (size_t b = 0; b < batch; ++b) {
    std::memcpy(prefix + b * dim, tokens + b * (1 + patches) * dim, dim * sizeof(float));
  }
}

void patch_tokens(const float* tokens, size_t batch, size_t patches, size_t dim, bool nchw, float* out) {
  for (size_t b = 0; b < batch; ++b, out += patches * dim) {
    const float* first = tokens + (b * (1 + patches) + 1) * dim;
    if (!nchw) {
      std::memcpy(out, first, patches * dim * sizeof(float));
      continue;
    }
    for (size_t d = 0; d < dim; ++d) {
      for (size_t p = 0; p < patches; ++p) out[d * patches + p] = first[p * dim + d];
    }
  }
}

}  // namespace vitreous

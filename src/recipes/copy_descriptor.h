// Descriptors for finding copies: facebookresearch/dino eval_copy_detection.py, extract_features.
#pragma once

#include <cstddef>

namespace vitreous {

// tokens: (count, prefix + patches, dim), CLS first → out: (count, 2 dim): the CLS token and the generalised
// mean of the patches, (mean of max(x, 1e-6)^p)^(1/p).
void copy_descriptors(size_t count, size_t prefix, size_t patches, size_t dim, const float* tokens, double p,
                      float* out);

}  // namespace vitreous

// Tokens as maps: what timm's forward_intermediates does with the output of a block.
#pragma once

#include <cstddef>

namespace vitreous {

// tokens (batch, 1 + patches, dim) → prefix (batch, 1, dim), the CLS tokens
void prefix_tokens(const float* tokens, size_t batch, size_t patches, size_t dim, float* prefix);

// tokens (batch, 1 + patches, dim) → (batch, patches, dim), or with `nchw` (batch, dim, patches), which is
// the map (batch, dim, grid_height, grid_width)
void patch_tokens(const float* tokens, size_t batch, size_t patches, size_t dim, bool nchw, float* out);

}  // namespace vitreous

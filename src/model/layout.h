// Tokens as maps: what timm's forward_intermediates does with the output of a block.
#pragma once

#include <cstddef>

namespace vitreous {

// How many tokens an image has: CLS and registers, then patches.
struct TokenCount {
  size_t prefix, patches;
  size_t all() const { return prefix + patches; }
};

// tokens (batch, all, dim) → (batch, prefix, dim)
void prefix_tokens(const float* tokens, size_t batch, TokenCount count, size_t dim, float* prefix);

// tokens (batch, all, dim) → (batch, patches, dim), or with `nchw` (batch, dim, patches), which is the map
// (batch, dim, grid_height, grid_width)
void patch_tokens(const float* tokens, size_t batch, TokenCount count, size_t dim, bool nchw, float* out);

}  // namespace vitreous

#pragma once

#include <cstddef>
#include <vector>

namespace vitreous {

// A grid of patches.
struct Grid {
  int height, width;
};

// timm's resample_abs_pos_embed (layers/pos_embed.py), as create_model(img_size=…) applies it to a
// checkpoint: bicubic with antialias; those of the `prefix` tokens before the patches are kept.
// pos_embed: (prefix + from.height · from.width, dim) → (prefix + to.height · to.width, dim)
std::vector<float> resample_pos_embed(const std::vector<float>& pos_embed, size_t dim, size_t prefix,
                                      Grid from, Grid to);

}  // namespace vitreous

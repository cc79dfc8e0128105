#pragma once

#include <cstddef>
#include <vector>

namespace vitreous {

// A grid of patches.
struct Grid {
  int height, width;
};

// timm's resample_abs_pos_embed (layers/pos_embed.py), as create_model(img_size=…) applies it to a
// checkpoint: bicubic with antialias; the CLS token's is kept. pos_embed: (1 + from.height · from.width, dim)
// → (1 + to.height · to.width, dim)
std::vector<float> resample_pos_embed(const std::vector<float>& pos_embed, size_t dim, Grid from, Grid to);

}  // namespace vitreous

#pragma once

#include <cstddef>
#include <vector>

#include "model/config.h"

namespace vitreous {

// A grid of patches.
struct Grid {
  int height, width;
  bool operator==(const Grid&) const = default;
};

// Position embeddings for another grid; those of the `prefix` tokens before the patches are kept.
//   kTimm: resample_abs_pos_embed (timm/layers/pos_embed.py), as create_model(img_size=…) applies it to a
//   checkpoint and dynamic_img_size to every batch: bicubic (a = -0.5) with antialias
//   kDino: interpolate_pos_encoding (facebookresearch/dino, vision_transformer.py): bicubic (a = -0.75)
//   without antialias, to a grid larger by 0.1 patches of which the last tenth is not taken
// pos_embed: (prefix + from.height · from.width, dim) → (prefix + to.height · to.width, dim)
std::vector<float> resample_pos_embed(const std::vector<float>& pos_embed, size_t dim, size_t prefix,
                                      Grid from, Grid to, PosEmbedInterpolation interpolation);

}  // namespace vitreous

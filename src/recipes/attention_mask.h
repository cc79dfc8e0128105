// Masks of where the attention lies: facebookresearch/dino visualize_attention.py, --threshold.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitreous {

// maps: (count, patches), not negative → masks: 1 for the fewest patches that hold the fraction `threshold`
// of their map's sum, else 0.
void threshold_attention(size_t count, size_t patches, const float* maps, double threshold, uint8_t* masks);

}  // namespace vitreous

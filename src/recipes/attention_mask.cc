#include "recipes/attention_mask.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace vitreous {

void threshold_attention(size_t count, size_t patches, const float* maps, double threshold, uint8_t* masks) {
  std::vector<size_t> order(patches);
  for (size_t map = 0; map < count; ++map, maps += patches, masks += patches) {
    const double mass = std::accumulate(maps, maps + patches, 0.0);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return maps[a] < maps[b]; });
    double below = 0;  // the mass up to and with this patch
    for (size_t patch : order) {
      below += maps[patch] / mass;
      masks[patch] = below > 1 - threshold;
    }
  }
}

}  // namespace vitreous

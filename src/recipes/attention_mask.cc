#include "recipes/attention_mask.h"

#include <vector>

#include "recipes/ranking.h"

namespace vitreous {

void threshold_attention(size_t count, size_t patches, const float* maps, double threshold, uint8_t* masks) {
  for (size_t map = 0; map < count; ++map, maps += patches, masks += patches) {
    const std::vector<double> mass(maps, maps + patches);
    const std::vector<size_t> order = largest_first(mass);
    double sum = 0, below = 0;
    for (double value : mass) sum += value;
    for (size_t i = patches; i-- > 0;) {
      below += mass[order[i]] / sum;  // of all patches up to this one
      masks[order[i]] = below > 1 - threshold;
    }
  }
}

}  // namespace vitreous

// Which patches of two images show the same: nearest neighbours by cosine, as in the dense correspondences of
// DINO's features (Amir et al., Deep ViT Features as Dense Visual Descriptors, section 4: best buddies).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitreous {

struct Match {
  size_t a, b;
  float score;
};

// a: (count_a, dim), b: (count_b, dim) → each patch of a with its nearest of b, where that is no less than
// `min_score` and, with `mutual`, has a's patch as its own nearest; best first. Of equally near ones the
// first.
std::vector<Match> correspond(size_t count_a, const float* a, size_t count_b, const float* b, size_t dim,
                              bool mutual, float min_score);

}  // namespace vitreous

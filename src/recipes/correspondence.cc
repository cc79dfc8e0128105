#include "recipes/correspondence.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/thread_pool.h"
#include "model/kernels.h"
#include "recipes/ranking.h"
#include "recipes/vectors.h"

namespace vitreous {
namespace {

Buffer normalized(size_t count, const float* x, size_t dim) {
  Buffer rows(count * dim);
  std::copy_n(x, count * dim, rows.data());
  for (size_t i = 0; i < count; ++i) normalize(dim, rows.data() + i * dim);
  return rows;
}

struct Nearest {
  size_t index;
  float score;
};

std::vector<Nearest> nearest(size_t count, const Buffer& from, size_t others, const Buffer& to, size_t dim) {
  const GemmKernel& gemm = GemmKernel::get();
  const std::vector<float> bias(others);
  Buffer packed(gemm.packed_size(others, dim));
  gemm.pack(others, dim, to.data(), bias.data(), packed.data());
  std::vector<Nearest> found(count);
  parallel_for(count, gemm.mr(), [&](size_t first, size_t rows) {
    std::vector<float> scores(rows * others);
    gemm.run(rows, others, dim, from.data() + first * dim, dim, packed.data(), scores.data(), others);
    for (size_t i = 0; i < rows; ++i) {
      const float* row = scores.data() + i * others;
      const float* best = std::max_element(row, row + others);
      found[first + i] = {size_t(best - row), *best};
    }
  });
  return found;
}

}  // namespace

std::vector<Match> correspond(size_t count_a, const float* a, size_t count_b, const float* b, size_t dim,
                              bool mutual, float min_score) {
  const Buffer rows_a = normalized(count_a, a, dim), rows_b = normalized(count_b, b, dim);
  const std::vector<Nearest> in_b = nearest(count_a, rows_a, count_b, rows_b, dim);
  const std::vector<Nearest> in_a =
      mutual ? nearest(count_b, rows_b, count_a, rows_a, dim) : std::vector<Nearest>{};
  std::vector<Match> matches, sorted;
  std::vector<double> scores;
  for (size_t i = 0; i < count_a; ++i) {
    const auto [index, score] = in_b[i];
    if (score < min_score || (mutual && in_a[index].index != i)) continue;
    matches.push_back({i, index, score});
    scores.push_back(score);
  }
  for (size_t i : largest_first(scores)) sorted.push_back(matches[i]);
  return sorted;
}

}  // namespace vitreous

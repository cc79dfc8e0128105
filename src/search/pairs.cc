// The part of VectorIndex that finds near-duplicates: products of blocks of rows with blocks of rows.
#include <algorithm>
#include <cmath>

#include "base/buffer.h"
#include "base/error.h"
#include "model/linear.h"
#include "search/dot.h"
#include "search/vector_index.h"

namespace vitreous {
namespace {

constexpr size_t kBlockRows = 256;
constexpr size_t kMaxPairs = 10'000'000;

bool better_pair(const Pair& x, const Pair& y) {
  if (x.score != y.score) return x.score > y.score;
  return x.a != y.a ? x.a < y.a : x.b < y.b;
}

}  // namespace

void VectorIndex::read_directions(std::span<const int32_t> rows, float* to) const {
  for (size_t i = 0; i < rows.size(); ++i, to += dim()) {
    store_.read(size_t(rows[i]), to);
    if (metric_ == Metric::kDot) continue;
    const std::vector<double> x(to, to + dim());
    const double squares = dot_double(dim(), to, x.data()).xx;
    if (squares == 0) continue;  // an int8 row may be
    for (size_t k = 0; k < dim(); ++k) to[k] = float(x[k] / std::sqrt(squares));
  }
}

std::vector<Pair> VectorIndex::pairs(double min_score, size_t limit) const {
  if (std::isnan(min_score)) throw Error(code::kInvalidArgument, "minScore is not a number.");
  if (limit > kMaxPairs) throw Error(code::kInvalidArgument, "At most 10,000,000 pairs can be asked for.");
  std::vector<Pair> best;  // a heap, the worst in front
  if (limit == 0) return best;
  const std::vector<int32_t> rows = present_rows();
  // What a product is off by at most: one chain of additions and the rounding of both vectors.
  const double longest = metric_ == Metric::kCosine ? 1 : longest_;
  const double error = double(dim() + 8) * 0x1p-24 * longest * longest;
  const std::vector<float> no_bias(kBlockRows);
  Buffer a(kBlockRows * dim()), b(kBlockRows * dim()), products(kBlockRows * kBlockRows);
  std::vector<float> x(dim());
  std::vector<double> y(dim());
  const auto exact = [&](int32_t i, int32_t j) {
    store_.read(size_t(i), x.data());
    std::copy(x.begin(), x.end(), y.begin());
    const double yy = dot_double(dim(), x.data(), y.data()).xx;
    store_.read(size_t(j), x.data());
    const Products of = dot_double(dim(), x.data(), y.data());
    if (metric_ == Metric::kDot) return of.xy;
    return of.xx == 0 || yy == 0 ? 0 : of.xy / std::sqrt(of.xx * yy);
  };
  const auto block = [&](size_t first) {
    return std::span(rows).subspan(first, std::min(kBlockRows, rows.size() - first));
  };
  for (size_t i = 0; i < rows.size(); i += kBlockRows) {
    const auto of_a = block(i);
    read_directions(of_a, a.data());
    const Linear times_a(dim(), of_a.size(), a.data(), no_bias.data());
    for (size_t j = i; j < rows.size(); j += kBlockRows) {
      const auto of_b = block(j);
      read_directions(of_b, b.data());
      times_a.run(of_b.size(), b.data(), products.data());
      for (size_t q = 0; q < of_b.size(); ++q) {
        for (size_t p = 0; p < of_a.size() && of_a[p] < of_b[q]; ++p) {
          const double least = best.size() < limit ? min_score : std::max(min_score, best.front().score);
          if (double(products.data()[q * of_a.size() + p]) < least - error) continue;
          const Pair pair = {of_a[p], of_b[q], exact(of_a[p], of_b[q])};
          if (pair.score < min_score) continue;
          if (best.size() == limit) {
            if (!better_pair(pair, best.front())) continue;
            std::pop_heap(best.begin(), best.end(), better_pair);
            best.pop_back();
          }
          best.push_back(pair);
          std::push_heap(best.begin(), best.end(), better_pair);
        }
      }
    }
  }
  std::sort(best.begin(), best.end(), better_pair);
  return best;
}

}  // namespace vitreous

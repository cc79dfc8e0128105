// The part of VectorIndex that searches by lists.
#include <algorithm>
#include <string>

#include "search/dot.h"
#include "search/vector_index.h"

namespace vitreous {
namespace {

// Rows of the index are asked for their neighbours, other than themselves, and as many lists are looked at as
// it takes to find this part of them: somewhat more than the 0.99 that is wanted, because other queries are
// somewhat farther from what was trained on.
constexpr double kRecall = 0.995;
constexpr size_t kNeighbours = 10;
constexpr size_t kAsked = 256, kAskedAtOnce = 32;
constexpr size_t kRowsForEachResult = 20;

}  // namespace

std::vector<int32_t> VectorIndex::present_rows() const {
  std::vector<int32_t> rows;
  for (size_t row = 0; row < this->rows(); ++row) {
    if (present_[row] != 0) rows.push_back(int32_t(row));
  }
  return rows;
}

void VectorIndex::train(const ListOptions& options) {
  const std::vector<int32_t> rows = present_rows();
  auto lists = std::make_unique<Lists>(store_, rows, options, metric_ == Metric::kCosine);
  lists->set_probes(measure_probes(*lists, rows));
  lists_ = std::move(lists);
}

size_t VectorIndex::measure_probes(const Lists& lists, std::span<const int32_t> rows) const {
  const RowSet all = {nullptr, this->rows(), present_.data(), nullptr};
  const size_t asked = std::min(kAsked, rows.size());
  std::vector<size_t> found(lists.count());  // by the rank of the list that a neighbour is in
  size_t neighbours = 0;
  for (size_t first = 0; first < asked; first += kAskedAtOnce) {
    std::vector<int32_t> some;
    for (size_t i = first; i < std::min(asked, first + kAskedAtOnce); ++i) {
      some.push_back(rows[i * rows.size() / asked]);
    }
    const std::vector<float> x = vectors(some);
    const auto best = nearest(x, all, std::min(kNeighbours + 1, size_));
    for (size_t i = 0; i < some.size(); ++i) {
      const auto order = lists.ranked(std::vector<double>(&x[i * dim()], &x[i * dim()] + dim()).data());
      std::vector<size_t> rank(lists.count());
      for (size_t r = 0; r < order.size(); ++r) rank[size_t(order[r])] = r;
      for (const Exact& one : best[i]) {
        if (one.row == some[i]) continue;
        ++found[rank[size_t(lists.list_of(size_t(one.row)))]];
        ++neighbours;
      }
    }
  }
  size_t probes = 0, seen = 0;
  do {
    seen += found[probes++];
  } while (probes < lists.count() && double(seen) < kRecall * double(neighbours));
  return probes;
}

std::vector<int32_t> VectorIndex::probed(const float* query, const SearchOptions& options) const {
  // A filter may leave little of the nearest lists: then more of them are looked at, until there are as many
  // rows as without it, or all that it lets through.
  const size_t enough =
      std::max(options.k * kRowsForEachResult, lists_->probes() * lists_->rows() / lists_->count());
  std::vector<int32_t> rows;
  const auto take = [&](int32_t row) {
    if (present_[size_t(row)] != 0 && (options.allowed == nullptr || options.allowed[row] != 0)) {
      rows.push_back(row);
    }
  };
  for (size_t row = lists_->rows(); row < this->rows(); ++row) take(int32_t(row));
  size_t probes = 0;
  for (int32_t list : lists_->ranked(std::vector<double>(query, query + dim()).data())) {
    if (probes++ >= lists_->probes() && rows.size() >= enough) break;
    for (int32_t row : lists_->list(size_t(list))) take(row);
  }
  std::sort(rows.begin(), rows.end());  // memory is read in its order
  return rows;
}

std::vector<uint8_t> VectorIndex::training_state() const {
  return trained() ? lists_->state() : std::vector<uint8_t>();
}

void VectorIndex::restore(std::span<const uint8_t> state) { lists_ = std::make_unique<Lists>(store_, state); }

}  // namespace vitreous

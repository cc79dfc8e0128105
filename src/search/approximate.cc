// The part of VectorIndex that searches by lists.
#include <algorithm>
#include <numeric>

#include "search/dot.h"
#include "search/vector_index.h"

namespace vitreous {
namespace {

// Above this an exact search reads more than fits a frame of 16 ms at 10 GB/s, half of what a thread reads
// where the bench ran, with some room: 43,690 vectors of 768 numbers in fp32, nearly four times as many in
// int8.
constexpr size_t kExactBytes = size_t{1} << 27;

// Rows of the index are asked for their neighbours, other than themselves, and as many lists are looked at as
// it takes to find this part of them: somewhat more than the 0.99 that is wanted, because other queries are
// somewhat farther from what was trained on.
constexpr double kRecall = 0.998;
constexpr size_t kNeighbours = 10;
constexpr size_t kAsked = 256, kAskedAtOnce = 4;
constexpr size_t kRowsForEachResult = 20;

// How many of the lists have so large a part of the neighbours. at_rank: as in VectorIndex::Training
size_t probes_for(double recall, std::span<const size_t> at_rank) {
  const double all = double(std::accumulate(at_rank.begin(), at_rank.end(), size_t{0}));
  size_t probes = 0, seen = 0;
  do {
    seen += at_rank[probes++];
  } while (probes < at_rank.size() && double(seen) < recall * all);
  return probes;
}

}  // namespace

std::vector<int32_t> VectorIndex::present_rows() const {
  std::vector<int32_t> rows;
  for (size_t row = 0; row < this->rows(); ++row) {
    if (present_[row] != 0) rows.push_back(int32_t(row));
  }
  return rows;
}

bool VectorIndex::wants_training() const {
  return size_ * store_.scanned_bytes() > kExactBytes && (!trained() || lists_->outgrown());
}

void VectorIndex::begin_training(const ListOptions& options) {
  ListTraining lists(store_, present_rows(), options, metric_ == Metric::kCosine);
  training_.reset(new Training{std::move(lists), std::vector<size_t>(options.lists)});
}

bool VectorIndex::train_step() {
  if (training_ == nullptr) return true;
  Lists& lists = training_->lists.lists();
  if (training_->lists.step(store_) || measure_step(*training_)) return false;
  lists.set_probes(probes_for(kRecall, training_->at_rank));
  lists.set_trained(size_);
  lists_ = std::make_unique<Lists>(std::move(lists));
  training_.reset();
  return true;
}

bool VectorIndex::measure_step(Training& training) const {
  const std::vector<int32_t> rows = present_rows();
  const Lists& lists = training.lists.lists();
  const size_t all = std::min(kAsked, rows.size());
  std::vector<int32_t> some;
  while (some.size() < kAskedAtOnce && training.asked < all) {
    some.push_back(rows[training.asked++ * rows.size() / all]);
  }
  const std::vector<float> x = vectors(some);
  const RowSet set = {nullptr, this->rows(), present_.data(), nullptr};
  const auto best = nearest(x, set, std::min(kNeighbours + 1, size_));
  for (size_t i = 0; i < some.size(); ++i) {
    const auto order = lists.ranked(std::vector<double>(&x[i * dim()], &x[i * dim()] + dim()).data());
    std::vector<size_t> rank(lists.count());
    for (size_t r = 0; r < order.size(); ++r) rank[size_t(order[r])] = r;
    for (const Exact& one : best[i]) {
      if (one.row != some[i]) ++training.at_rank[rank[size_t(lists.list_of(size_t(one.row)))]];
    }
  }
  return training.asked < all;
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

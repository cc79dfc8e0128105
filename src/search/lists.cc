#include "search/lists.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "base/error.h"
#include "search/dot.h"
#include "search/top_k.h"

namespace vitreous {
namespace {

constexpr size_t kAssignedAtOnce = 256;  // that are multiplied with all centroids together
constexpr size_t kSampleOfAList = 64;    // rows that k-means looks at for each list; FAISS asks for 39 to 256
constexpr size_t kMaxLists = 1 << 16;
constexpr size_t kMaxIterations = 1000;
constexpr uint32_t kVersion = 1;

struct State {
  uint32_t version, dim, lists, probes, rows;  // then centroids (lists, dim), and the list of each row
};

[[noreturn]] void refuse(const std::string& message) { throw Error(code::kInvalidArgument, message); }

// The first `count` become a random choice of all. (Fisher and Yates; numbers by splitmix64)
void shuffle(std::vector<int32_t>& rows, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) {
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    std::swap(rows[i], rows[i + size_t((z ^ z >> 31) % (rows.size() - i))]);
  }
}

}  // namespace

Lists::Lists(const RowStore& store, std::span<const int32_t> rows, const ListOptions& options, bool unit)
    : dim_(store.dim()) {
  const size_t lists = options.lists;
  if (lists == 0 || lists > std::min(rows.size(), kMaxLists)) {
    refuse("An index of " + std::to_string(rows.size()) + " vectors cannot have " + std::to_string(lists) +
           " lists: give a number from 1 to that of the vectors, and to 65536.");
  }
  if (options.iterations == 0 || options.iterations > kMaxIterations) {
    refuse("Training takes 1 to 1000 iterations, not " + std::to_string(options.iterations) + ".");
  }
  std::vector<int32_t> sample(rows.begin(), rows.end());
  const size_t sampled = std::min(sample.size(), lists * kSampleOfAList);
  shuffle(sample, sampled, options.seed);
  sample.resize(sampled);
  std::vector<float> centroids(lists * dim_);
  for (size_t i = 0; i < lists; ++i) store.read(size_t(sample[i]), &centroids[i * dim_]);
  lists_.resize(lists);
  set_centroids(std::move(centroids));

  std::vector<float> x(dim_);
  for (size_t iteration = 0; iteration < options.iterations; ++iteration) {
    std::vector<double> sums(lists * dim_);
    std::vector<size_t> counts(lists);
    std::vector<Scored> fits(sampled);
    assign(store, sample, [&](size_t i, size_t list, float score) {
      store.read(size_t(sample[i]), x.data());
      const double length = dot_double(dim_, x.data(), std::vector<double>(x.begin(), x.end()).data()).xx;
      fits[i] = {float(score - length / 2), int32_t(i)};  // minus half the squared distance
      ++counts[list];
      for (size_t k = 0; k < dim_; ++k) sums[list * dim_ + k] += double(x[k]);
    });
    // A list that nothing is near to begins anew at a vector that is far from its own.
    std::sort(fits.begin(), fits.end(), better);
    for (size_t list = 0; list < lists; ++list) {
      if (counts[list] == 0) {
        store.read(size_t(sample[size_t(fits.back().row)]), x.data());
        fits.pop_back();
        std::copy(x.begin(), x.end(), &sums[list * dim_]);
        counts[list] = 1;
      }
    }
    centroids.resize(lists * dim_);
    for (size_t list = 0; list < lists; ++list) {
      const double* sum = &sums[list * dim_];
      double scale = 1 / double(counts[list]);
      if (unit) {
        const double length = std::sqrt(std::inner_product(sum, sum + dim_, sum, 0.0));
        if (length > 0) scale = 1 / length;
      }
      for (size_t k = 0; k < dim_; ++k) centroids[list * dim_ + k] = float(sum[k] * scale);
    }
    set_centroids(std::move(centroids));
  }
  add(store);
}

Lists::Lists(const RowStore& store, std::span<const uint8_t> state) : dim_(store.dim()) {
  State head;
  const auto check = [](bool ok) {
    if (!ok) refuse("These bytes are no training of this index: train it again.");
  };
  check(state.size() >= sizeof head);
  std::memcpy(&head, state.data(), sizeof head);
  check(head.version == kVersion && head.dim == dim_ && head.lists > 0 && head.lists <= kMaxLists &&
        head.probes > 0 && head.probes <= head.lists && head.rows <= store.rows());
  const uint64_t floats = uint64_t{head.lists} * dim_;
  check(state.size() == sizeof head + (floats + head.rows) * sizeof(float));
  std::vector<float> centroids(floats);
  std::memcpy(centroids.data(), state.data() + sizeof head, floats * sizeof(float));
  check(std::all_of(centroids.begin(), centroids.end(), [](float x) { return std::isfinite(x); }));
  list_of_.resize(head.rows);
  if (head.rows > 0) {
    std::memcpy(list_of_.data(), state.data() + sizeof head + floats * sizeof(float),
                head.rows * sizeof(int32_t));
  }
  check(std::all_of(list_of_.begin(), list_of_.end(),
                    [&](int32_t list) { return list >= 0 && uint32_t(list) < head.lists; }));
  probes_ = head.probes;
  lists_.resize(head.lists);
  set_centroids(std::move(centroids));
  fill_lists();
  add(store);
}

std::vector<uint8_t> Lists::state() const {
  const State head = {kVersion, uint32_t(dim_), uint32_t(count()), uint32_t(probes_), uint32_t(rows())};
  std::vector<uint8_t> state(sizeof head + (centroids_.size() + rows()) * sizeof(float));
  uint8_t* to = state.data();
  const auto put = [&to](const void* from, size_t n) {
    if (n > 0) std::memcpy(to, from, n);
    to += n;
  };
  put(&head, sizeof head);
  put(centroids_.data(), centroids_.size() * sizeof(float));
  put(list_of_.data(), rows() * sizeof(int32_t));
  return state;
}

void Lists::set_centroids(std::vector<float> centroids) {
  std::vector<float> bias(count());
  for (size_t i = 0; i < count(); ++i) {
    double squares = 0;
    for (size_t k = 0; k < dim_; ++k) squares += double(centroids[i * dim_ + k]) * centroids[i * dim_ + k];
    bias[i] = float(-squares / 2);
  }
  nearest_ = Linear(dim_, count(), centroids.data(), bias.data());
  centroids_ = std::move(centroids);
}

void Lists::assign(const RowStore& store, std::span<const int32_t> rows,
                   const std::function<void(size_t i, size_t list, float score)>& use) const {
  const size_t most = std::min(kAssignedAtOnce, rows.size());
  Buffer x(most * dim_), scores(most * count());
  for (size_t first = 0; first < rows.size(); first += most) {
    const size_t n = std::min(most, rows.size() - first);
    for (size_t i = 0; i < n; ++i) store.read(size_t(rows[first + i]), x.data() + i * dim_);
    nearest_.run(n, x.data(), scores.data());
    for (size_t i = 0; i < n; ++i) {
      const float* of = scores.data() + i * count();
      const float* best = std::max_element(of, of + count());
      use(first + i, size_t(best - of), *best);
    }
  }
}

void Lists::add(const RowStore& store) {
  std::vector<int32_t> rows(store.rows() - this->rows());
  std::iota(rows.begin(), rows.end(), int32_t(this->rows()));
  list_of_.reserve(store.rows());
  assign(store, rows, [&](size_t i, size_t list, float) {
    lists_[list].push_back(rows[i]);
    list_of_.push_back(int32_t(list));
  });
}

void Lists::fill_lists() {
  for (auto& list : lists_) list.clear();
  for (size_t row = 0; row < rows(); ++row) lists_[size_t(list_of_[row])].push_back(int32_t(row));
}

void Lists::renumber(std::span<const int32_t> moved) {
  size_t left = 0;
  for (size_t row = 0; row < rows(); ++row) {
    if (moved[row] >= 0) list_of_[left++] = list_of_[row];
  }
  list_of_.resize(left);
  fill_lists();
}

std::vector<int32_t> Lists::ranked(const double* query) const {
  std::vector<Scored> scores;
  for (size_t i = 0; i < count(); ++i) {
    scores.push_back({float(dot_double(dim_, &centroids_[i * dim_], query).xy), int32_t(i)});
  }
  std::sort(scores.begin(), scores.end(), better);
  std::vector<int32_t> order;
  for (const Scored& one : scores) order.push_back(one.row);
  return order;
}

}  // namespace vitreous

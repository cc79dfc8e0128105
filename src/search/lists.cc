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
constexpr uint32_t kVersion = 2;

struct State {
  uint32_t version, dim, lists, probes, trained, added, rows;
  // then centroids (lists, dim), and the list of each row
};

[[noreturn]] void refuse(const std::string& message) { throw Error(code::kInvalidArgument, message); }

}  // namespace

Lists::Lists(size_t dim, std::vector<float> centroids) : dim_(dim) {
  lists_.resize(centroids.size() / dim);
  set_centroids(std::move(centroids));
}

Lists::Lists(const RowStore& store, std::span<const uint8_t> state) : dim_(store.dim()) {
  State head;
  const auto check = [](bool ok) {
    if (!ok) refuse("These bytes are no training of this index: train it again.");
  };
  check(state.size() >= sizeof head);
  std::memcpy(&head, state.data(), sizeof head);
  check(head.version == kVersion && head.dim == dim_ && head.lists > 0 && head.lists <= kMax &&
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
  trained_ = head.trained;
  added_ = head.added;
  lists_.resize(head.lists);
  set_centroids(std::move(centroids));
  fill_lists();
  add(store);
}

std::vector<uint8_t> Lists::state() const {
  const State head = {kVersion,           uint32_t(dim_),   uint32_t(count()), uint32_t(probes_),
                      uint32_t(trained_), uint32_t(added_), uint32_t(rows())};
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

void Lists::add(const RowStore& store, size_t most) {
  std::vector<int32_t> rows(std::min(most, store.rows() - this->rows()));
  std::iota(rows.begin(), rows.end(), int32_t(this->rows()));
  // So that no row can be counted without being in a list, when there is no memory.
  const size_t enough = this->rows() + rows.size();
  if (enough > list_of_.capacity()) list_of_.reserve(std::max(enough, 2 * list_of_.capacity()));
  assign(store, rows, [&](size_t i, size_t list, float) {
    lists_[list].push_back(rows[i]);
    list_of_.push_back(int32_t(list));
  });
  added_ += rows.size();
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

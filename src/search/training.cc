#include "search/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/error.h"
#include "search/dot.h"

namespace vitreous {
namespace {

constexpr size_t kSampleOfAList = 64;  // rows that k-means looks at for each list; FAISS asks for 39 to 256
constexpr size_t kMaxIterations = 1000;
constexpr size_t kStepProducts = size_t{1} << 26;  // of a step: 3 ms on a desktop, some more on a phone

[[noreturn]] void refuse(const std::string& message) { throw Error(code::kInvalidArgument, message); }

// A random choice of `count` of these. (Fisher and Yates; numbers by splitmix64)
std::vector<int32_t> sample(std::span<const int32_t> of, size_t count, uint64_t seed) {
  std::vector<int32_t> rows(of.begin(), of.end());
  for (size_t i = 0; i < count; ++i) {
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    std::swap(rows[i], rows[i + size_t((z ^ z >> 31) % (rows.size() - i))]);
  }
  rows.resize(count);
  return rows;
}

size_t checked_lists(const ListOptions& options, size_t rows) {
  if (options.lists == 0 || options.lists > std::min(rows, Lists::kMax)) {
    refuse("An index of " + std::to_string(rows) + " vectors cannot have " + std::to_string(options.lists) +
           " lists: give a number from 1 to that of the vectors, and to 65536.");
  }
  if (options.iterations == 0 || options.iterations > kMaxIterations) {
    refuse("Training takes 1 to 1000 iterations, not " + std::to_string(options.iterations) + ".");
  }
  return options.lists;
}

std::vector<float> read_rows(const RowStore& store, std::span<const int32_t> rows) {
  std::vector<float> x(rows.size() * store.dim());
  for (size_t i = 0; i < rows.size(); ++i) store.read(size_t(rows[i]), &x[i * store.dim()]);
  return x;
}

}  // namespace

ListTraining::ListTraining(const RowStore& store, std::span<const int32_t> rows, const ListOptions& options,
                           bool unit)
    : iterations_(options.iterations),
      unit_(unit),
      sample_(sample(rows, std::min(rows.size(), checked_lists(options, rows.size()) * kSampleOfAList),
                     options.seed)),
      lists_(store.dim(), read_rows(store, std::span(sample_).first(options.lists))) {
  begin_iteration();
}

void ListTraining::begin_iteration() {
  next_ = 0;
  counts_.assign(lists_.count(), 0);
  sums_.assign(lists_.count() * lists_.dim(), 0);
  fits_.clear();
}

size_t ListTraining::at_once(const RowStore& store) const {
  return std::max<size_t>(1, kStepProducts / (lists_.count() * store.dim()));
}

bool ListTraining::step(const RowStore& store) {
  if (iterations_ == 0) {
    if (lists_.rows() == store.rows()) return false;
    lists_.add(store, at_once(store));
    return true;
  }
  const size_t n = std::min(at_once(store), sample_.size() - next_), dim = store.dim();
  const std::span<const int32_t> rows = std::span(sample_).subspan(next_, n);
  std::vector<float> x(dim);
  lists_.assign(store, rows, [&](size_t i, size_t list, float score) {
    store.read(size_t(rows[i]), x.data());
    const double length = dot_double(dim, x.data(), std::vector<double>(x.begin(), x.end()).data()).xx;
    fits_.push_back({float(score - length / 2), rows[i]});
    ++counts_[list];
    for (size_t k = 0; k < dim; ++k) sums_[list * dim + k] += double(x[k]);
  });
  next_ += n;
  if (next_ == sample_.size()) {
    move_centroids(store);
    --iterations_;
    begin_iteration();
  }
  return true;
}

void ListTraining::move_centroids(const RowStore& store) {
  const size_t dim = store.dim();
  std::vector<float> x(dim), centroids(sums_.size());
  // A list that nothing is near to begins anew at a vector that is far from its own.
  std::sort(fits_.begin(), fits_.end(), better);
  for (size_t list = 0; list < lists_.count(); ++list) {
    double* sum = &sums_[list * dim];
    if (counts_[list] == 0 && !fits_.empty()) {
      store.read(size_t(fits_.back().row), x.data());
      fits_.pop_back();
      std::copy(x.begin(), x.end(), sum);
    }
    double scale = 1 / std::max(1.0, double(counts_[list]));
    if (unit_) {
      const double length = std::sqrt(std::inner_product(sum, sum + dim, sum, 0.0));
      if (length > 0) scale = 1 / length;
    }
    for (size_t k = 0; k < dim; ++k) centroids[list * dim + k] = float(sum[k] * scale);
  }
  lists_ = Lists(dim, std::move(centroids));
}

void ListTraining::renumber(std::span<const int32_t> moved) {
  for (int32_t& row : sample_) row = moved[size_t(row)];
  next_ -= size_t(std::count(sample_.begin(), sample_.begin() + ptrdiff_t(next_), -1));
  std::erase(sample_, -1);
  for (Scored& fit : fits_) fit.row = moved[size_t(fit.row)];
  std::erase_if(fits_, [](const Scored& fit) { return fit.row < 0; });
  lists_.renumber(moved);
}

}  // namespace vitreous

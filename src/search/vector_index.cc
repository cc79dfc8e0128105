#include "search/vector_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.h"
#include "search/dot.h"

namespace vitreous {
namespace {

constexpr double kMaxNorm = 1e18;         // products of two are finite as floats
constexpr double kMaxRounding = 1e-4;     // that the length of a row has under cosine
constexpr size_t kPieceRows = 256;        // that are copied at a time when rows are added
constexpr size_t kQueriesAtOnce = 32;     // whose candidates are in memory together
constexpr size_t kMaxHits = 100'000'000;  // of one call

[[noreturn]] void refuse(const std::string& message) { throw Error(code::kInvalidArgument, message); }

double norm(std::span<const float> x) {
  double squares = 0;
  for (float value : x) squares += double(value) * double(value);
  return std::sqrt(squares);
}

// Calls piece(first, count) for pieces of n.
void in_pieces(size_t n, const std::function<void(size_t first, size_t count)>& piece) {
  for (size_t first = 0; first < n; first += kPieceRows) piece(first, std::min(kPieceRows, n - first));
}

// How many rows a scan proposes for k results.
size_t candidate_count(Storage storage, size_t k) {
  switch (storage) {
    case Storage::kFp32:
      return k + 16;
    case Storage::kInt8:
      return 2 * k + 16;
    case Storage::kBinary:
      return 50 * k + 500;
  }
  return k;
}

}  // namespace

VectorIndex::VectorIndex(const VectorIndexOptions& options)
    : metric_(options.metric), store_(options.dim, options.storage, options.keep) {
  if (options.dim == 0 || options.dim > kMaxDim) {
    refuse("An index takes vectors of 1 to " + std::to_string(kMaxDim) + " numbers, not of " +
           std::to_string(options.dim) + ".");
  }
}

double VectorIndex::checked_norm(const float* x, const char* what, size_t number) const {
  const double length = norm({x, dim()});
  const auto refuse_it = [&](const char* why) { refuse(what + (" " + std::to_string(number)) + why); };
  if (!std::isfinite(length)) refuse_it(" has a NaN or an infinity in it; leave it out.");
  if (metric_ == Metric::kCosine && length == 0) {
    refuse_it(" is all zeros, which has no direction; leave it out, or use the metric 'dot'.");
  }
  if (length > kMaxNorm) refuse_it(" is longer than 1e18; scale it down.");
  return length;
}

size_t VectorIndex::append(size_t n, const std::function<void(size_t first, size_t count)>& piece) {
  if (n > size_t(std::numeric_limits<int32_t>::max()) - rows()) refuse("An index takes 2³¹ rows at most.");
  const size_t first = rows();
  // From here on nothing can fail.
  present_.reserve(rows() + n);
  store_.reserve(n);
  in_pieces(n, piece);
  present_.resize(rows(), 1);
  size_ += n;
  if (lists_ != nullptr) {
    try {
      lists_->add(store_);
    } catch (const std::bad_alloc&) {
      // Rows without a list are looked at by every search, and go into theirs with the next ones.
    }
  }
  return first;
}

size_t VectorIndex::add(size_t n, const Read& read) {
  std::vector<float> piece(std::min(n, kPieceRows) * dim());
  double longest = longest_;
  in_pieces(n, [&](size_t first, size_t count) {
    read(first, count, piece.data());
    for (size_t i = 0; i < count; ++i) {
      longest = std::max(longest, checked_norm(&piece[i * dim()], "Vector", first + i));
    }
  });
  const size_t first_row = append(n, [&](size_t first, size_t count) {
    read(first, count, piece.data());
    for (size_t i = 0; i < count; ++i) {
      float* x = &piece[i * dim()];
      if (metric_ == Metric::kCosine) {
        const double scale = 1 / norm({x, dim()});
        for (size_t k = 0; k < dim(); ++k) x[k] = float(x[k] * scale);
      }
      store_.append(x);
    }
  });
  longest_ = metric_ == Metric::kCosine ? std::max(longest_, 1.0) : longest;
  return first_row;
}

size_t VectorIndex::add(std::span<const float> vectors) {
  if (vectors.size() % dim() != 0) {
    refuse(std::to_string(vectors.size()) + " numbers are no vectors of " + std::to_string(dim()) + ".");
  }
  return add(vectors.size() / dim(), [&](size_t first, size_t count, void* to) {
    std::memcpy(to, vectors.data() + first * dim(), count * dim() * sizeof(float));
  });
}

size_t VectorIndex::add_packed(size_t n, const Read& read) {
  std::vector<uint8_t> piece(std::min(n, kPieceRows) * row_bytes());
  std::vector<float> x(dim());
  in_pieces(n, [&](size_t first, size_t count) {
    read(first, count, piece.data());
    for (size_t i = 0; i < count; ++i) {
      const uint8_t* row = &piece[i * row_bytes()];
      bool valid = store_.valid(row);
      if (valid && store_.has_fp32()) {
        std::memcpy(x.data(), row, row_bytes());
        const double length = norm(x);
        valid = metric_ == Metric::kCosine ? std::abs(length - 1) < kMaxRounding : length <= kMaxNorm;
      }
      if (!valid)
        refuse("Row " + std::to_string(first + i) + " of these bytes is none of an index like this one.");
    }
  });
  return append(n, [&](size_t first, size_t count) {
    read(first, count, piece.data());
    for (size_t i = 0; i < count; ++i) {
      store_.append_packed(&piece[i * row_bytes()]);
      store_.read(store_.rows() - 1, x.data());
      longest_ = std::max(longest_, norm(x));
    }
  });
}

void VectorIndex::check_rows(std::span<const int32_t> rows) const {
  for (int32_t row : rows) {
    if (row < 0 || size_t(row) >= this->rows()) {
      refuse("There is no row " + std::to_string(row) + ": the index has " + std::to_string(this->rows()) +
             ".");
    }
  }
}

std::vector<uint8_t> VectorIndex::packed(std::span<const int32_t> rows) const {
  check_rows(rows);
  std::vector<uint8_t> bytes(rows.size() * row_bytes());
  for (size_t i = 0; i < rows.size(); ++i) store_.pack(size_t(rows[i]), &bytes[i * row_bytes()]);
  return bytes;
}

std::vector<float> VectorIndex::vectors(std::span<const int32_t> rows) const {
  check_rows(rows);
  std::vector<float> values(rows.size() * dim());
  for (size_t i = 0; i < rows.size(); ++i) store_.read(size_t(rows[i]), &values[i * dim()]);
  return values;
}

void VectorIndex::remove(std::span<const int32_t> rows) {
  check_rows(rows);
  for (int32_t row : rows) {
    size_ -= present_[size_t(row)];
    present_[size_t(row)] = 0;
  }
  if (size_ == 0) {  // what comes next may be of another kind
    lists_.reset();
    training_.reset();
  }
}

std::vector<int32_t> VectorIndex::compact() {
  std::vector<int32_t> moved(rows(), -1);
  size_t to = 0;
  for (size_t row = 0; row < rows(); ++row) {
    if (present_[row] == 0) continue;
    if (row != to) store_.move(row, to);
    moved[row] = int32_t(to++);
  }
  store_.truncate(to);
  present_.assign(to, 1);
  if (lists_ != nullptr) lists_->renumber(moved);
  if (training_ != nullptr) training_->lists.renumber(moved);
  return moved;
}

double VectorIndex::score(const Queries& queries, size_t query, int32_t row, float* scratch) const {
  const float* x = scratch;
  if (store_.has_fp32()) {
    x = store_.fp32(size_t(row));
  } else {
    store_.read(size_t(row), scratch);
  }
  const Products products = dot_double(dim(), x, queries.exact(query));
  if (metric_ == Metric::kDot) return products.xy;
  // Rows are of length 1 up to rounding, or to their quantization; one of int8 may be zero.
  return products.xx == 0 ? 0 : products.xy / (std::sqrt(products.xx) * queries.norm(query));
}

std::vector<VectorIndex::Exact> VectorIndex::rescore(const Queries& queries, size_t query,
                                                     const TopK& candidates, size_t k) const {
  std::vector<Exact> results;
  std::vector<float> scratch(dim());
  for (const Scored& one : candidates.kept()) {
    results.push_back({score(queries, query, one.row, scratch.data()), one.row});
  }
  std::sort(results.begin(), results.end(), [](const Exact& a, const Exact& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  });
  if (results.size() > k) results.resize(k);
  return results;
}

Hits VectorIndex::search(std::span<const float> queries, const SearchOptions& options) const {
  const size_t n = queries.size() / dim(), k = options.k;
  if (n * dim() != queries.size()) {
    refuse(std::to_string(queries.size()) + " numbers are no queries of " + std::to_string(dim()) + ".");
  }
  if (k == 0) refuse("A search is for one neighbour at least; k is 0.");
  if (k > kMaxHits / std::max<size_t>(n, 1))
    refuse("That many results do not fit in memory: use a smaller k.");
  if (std::isnan(options.min_score)) refuse("minScore is not a number.");
  for (size_t i = 0; i < n; ++i) checked_norm(&queries[i * dim()], "Query", i);

  Hits hits{std::vector<int32_t>(n * k, -1),
            std::vector<float>(n * k, -std::numeric_limits<float>::infinity())};
  const bool by_lists = !options.exact && trained();
  const size_t at_once = by_lists ? 1 : kQueriesAtOnce;  // each looks at lists of its own
  for (size_t first = 0; first < n; first += at_once) {
    const size_t count = std::min(at_once, n - first);
    const std::vector<int32_t> some =
        by_lists ? probed(&queries[first * dim()], options) : std::vector<int32_t>();
    const RowSet set = {by_lists ? some.data() : nullptr, by_lists ? some.size() : rows(), present_.data(),
                        options.allowed};
    const auto found = nearest(queries.subspan(first * dim(), count * dim()), set, std::min(k, size_));
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < found[i].size() && found[i][j].score >= options.min_score; ++j) {
        hits.rows[(first + i) * k + j] = found[i][j].row;
        hits.scores[(first + i) * k + j] = float(found[i][j].score);
      }
    }
  }
  return hits;
}

std::vector<std::vector<VectorIndex::Exact>> VectorIndex::nearest(std::span<const float> x, const RowSet& set,
                                                                  size_t k) const {
  const bool normalize = metric_ == Metric::kCosine;
  const Storage form = store_.storage();
  const Queries queries(store_, form, x, normalize);
  std::vector<TopK> found(queries.count(), TopK(std::min(candidate_count(form, k), set.count)));
  scan(store_, queries, 0, set, found);

  std::vector<std::vector<Exact>> results;
  for (size_t query = 0; query < queries.count(); ++query) {
    if (form == Storage::kFp32) {
      results.push_back(best_by_floats(queries, query, set, found[query], k));
    } else if (!store_.has_fp32()) {
      results.push_back(rescore(queries, query, found[query], k));
    } else {
      std::vector<int32_t> rows;
      for (const Scored& one : found[query].kept()) rows.push_back(one.row);
      const Queries floats(store_, Storage::kFp32, x.subspan(query * dim(), dim()), normalize);
      const RowSet candidates = {rows.data(), rows.size(), present_.data(), nullptr};
      TopK best(std::min(candidate_count(Storage::kFp32, k), rows.size()));
      scan(store_, floats, 0, candidates, {&best, 1});
      results.push_back(best_by_floats(floats, 0, candidates, best, k));
    }
  }
  return results;
}

std::vector<VectorIndex::Exact> VectorIndex::best_by_floats(const Queries& floats, size_t query,
                                                            const RowSet& set, const TopK& found,
                                                            size_t k) const {
  std::vector<Exact> results = rescore(floats, query, found, k);
  if (!found.full() || results.size() < k || k == 0) return results;
  // Whether a row that is no candidate could be among the best, for all that the scan knows of it.
  const double unit = longest_ * (metric_ == Metric::kCosine ? 1 : floats.norm(query));
  const double error = double(dot_error(store_.fp32_stride())) * unit;
  const double last = results.back().score;
  if (found.worst() + error < last) return results;
  TopK close(set.count, float(last - 2 * error));
  scan(store_, floats, query, set, {&close, 1});
  return rescore(floats, query, close, k);
}

}  // namespace vitreous

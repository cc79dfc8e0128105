// A pass over rows of an index for several queries at once: every row is read once and scored with each of
// them, on all threads, and the best of each query are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "search/dot.h"
#include "search/row_store.h"
#include "search/top_k.h"

namespace vitreous {

// Queries in the form that a scan reads, and exactly, for the scores that leave.
class Queries {
 public:
  // For scans of this form of the vectors. x: (n, store.dim()). With `normalize` each is scaled to length 1;
  // none may be zero then.
  Queries(const RowStore& store, Storage form, std::span<const float> x, bool normalize);

  size_t count() const { return norms_.size(); }
  // (dim), not scaled
  const double* exact(size_t query) const { return &exact_[query * dim_]; }
  double norm(size_t query) const { return norms_[query]; }

  // scores: (4 count) of rows, each higher the nearer. Four are read at a time, `part` apart: rows[i],
  // rows[i + part], rows[i + 2 part] and rows[i + 3 part] for every i below count. int8: without the query's
  // scale, which changes no order.
  void score(const RowStore& store, size_t query, const int32_t* rows, size_t part, size_t count,
             float* scores) const;

 private:
  size_t dim_;
  Storage form_;
  std::vector<double> exact_, norms_;
  Buffer fp32_;                   // (count, fp32_stride)
  std::vector<QueryValue> int8_;  // (count, int8_values)
  std::vector<uint8_t> bits_;     // (count, bit_stride)
};

// Which rows to look at.
struct RowSet {
  const int32_t* rows;  // those of a list, or null: 0 … count - 1
  size_t count;
  const uint8_t* present;  // (rows of the store), 0: removed
  const uint8_t* allowed;  // (rows of the store), 0: not to be looked at; null: all may
};

// Adds to best[i] what is found for query first + i, by Queries::score. The same for any number of threads.
void scan(const RowStore& store, const Queries& queries, size_t first, const RowSet& set,
          std::span<TopK> best);

}  // namespace vitreous

// An approximate index: rows in lists of near ones around centroids (an inverted file, IVF: Jégou, Douze,
// Schmid, Product Quantization for Nearest Neighbor Search, 2011, without the quantization), of which a
// search looks at the nearest few.
//
// Lists rather than a graph (HNSW): on 100,000 clustered vectors of 768 numbers a graph answers in a
// millisecond and lists in four, at a recall of 0.99, both well within a frame; but lists are built thirty
// times faster, take 4 bytes a row, can be added to and stored in the order of rows, and scan with the same
// kernels. `npm run bench -- search` has the figures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "model/linear.h"
#include "search/row_store.h"

namespace vitreous {

class Lists {
 public:
  static constexpr size_t kMax = 1 << 16;

  // Around these centroids, with no rows yet. centroids: (n, dim)
  Lists(size_t dim, std::vector<float> centroids);
  // As state() gave it; rows that have come since are assigned. Throws INVALID_ARGUMENT for what does not
  // belong to the store.
  Lists(const RowStore& store, std::span<const uint8_t> state);
  std::vector<uint8_t> state() const;

  // Assigns the rows of the store that have come since to their lists, `most` of them.
  void add(const RowStore& store, size_t most = std::numeric_limits<size_t>::max());
  // After RowStore::move: by old row the new one, -1 for those that are gone.
  void renumber(std::span<const int32_t> moved);

  size_t dim() const { return dim_; }
  size_t count() const { return lists_.size(); }
  size_t rows() const { return list_of_.size(); }  // of the store, from 0 on, that are in a list
  int32_t list_of(size_t row) const { return list_of_[row]; }
  std::span<const int32_t> list(size_t i) const { return lists_[i]; }
  // How many of the nearest lists a search looks at; set by who can measure the recall.
  size_t probes() const { return probes_; }
  void set_probes(size_t probes) { probes_ = probes; }
  // They were trained on so many rows; what is added from now on is new to them.
  void set_trained(size_t rows) {
    trained_ = rows;
    added_ = 0;
  }
  bool outgrown() const { return added_ >= trained_; }  // as many are new as were known
  // All lists, the one whose centroid has the largest product with the query first. query: (dim)
  std::vector<int32_t> ranked(const double* query) const;
  // Calls use(i, list, score) for each of these rows in their order: the list whose centroid is nearest, and
  // half the square of the row's length less that of its distance from it.
  void assign(const RowStore& store, std::span<const int32_t> rows,
              const std::function<void(size_t i, size_t list, float score)>& use) const;

 private:
  void set_centroids(std::vector<float> centroids);
  void fill_lists();

  size_t dim_, probes_ = 1, trained_ = 0, added_ = 0;
  std::vector<float> centroids_;  // (count, dim)
  Linear nearest_;  // x → x · centroid - |centroid|² / 2: the largest is of the nearest centroid
  std::vector<int32_t> list_of_;  // (rows)
  std::vector<std::vector<int32_t>> lists_;
};

}  // namespace vitreous

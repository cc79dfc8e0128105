// An approximate index: rows in lists of near ones around centroids (an inverted file, IVF: Jégou, Douze,
// Schmid, Product Quantization for Nearest Neighbor Search, 2011, without the quantization), of which a
// search looks at the nearest few.
//
// Lists rather than a graph (HNSW): on 100,000 clustered vectors of 768 numbers they answer at a recall of
// 0.99 nearly as soon as a graph does, are built many times faster, take 4 bytes a row, can be added to and
// stored in the order of rows, and scan with the same kernels. `npm run bench -- search` has the figures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/linear.h"
#include "search/row_store.h"

namespace vitreous {

struct ListOptions {
  size_t lists = 0;        // about the square root of the number of rows is a good choice
  size_t iterations = 10;  // of k-means
  uint32_t seed = 0;
};

class Lists {
 public:
  // k-means (Lloyd's) over a sample of these rows of the store, from centroids drawn by the seed, then all
  // rows of the store into their lists. `unit`: centroids are scaled to length 1 (spherical k-means), for
  // vectors that are.
  Lists(const RowStore& store, std::span<const int32_t> rows, const ListOptions& options, bool unit);
  // As state() gave it; rows that have come since are assigned. Throws INVALID_ARGUMENT for what does not
  // belong to the store.
  Lists(const RowStore& store, std::span<const uint8_t> state);
  std::vector<uint8_t> state() const;

  // Assigns the rows of the store that have come since to their lists.
  void add(const RowStore& store);
  // After RowStore::move: by old row the new one, -1 for those that are gone.
  void renumber(std::span<const int32_t> moved);

  size_t count() const { return lists_.size(); }
  size_t rows() const { return list_of_.size(); }  // of the store, from 0 on, that are in a list
  int32_t list_of(size_t row) const { return list_of_[row]; }
  std::span<const int32_t> list(size_t i) const { return lists_[i]; }
  // How many of the nearest lists a search looks at; set by who can measure the recall.
  size_t probes() const { return probes_; }
  void set_probes(size_t probes) { probes_ = probes; }
  // All lists, the one whose centroid has the largest product with the query first. query: (dim)
  std::vector<int32_t> ranked(const double* query) const;

 private:
  void set_centroids(std::vector<float> centroids);
  // Calls use(row, list, score) for each of these rows in their order.
  void assign(const RowStore& store, std::span<const int32_t> rows,
              const std::function<void(size_t i, size_t list, float score)>& use) const;
  void fill_lists();

  size_t dim_, probes_ = 1;
  std::vector<float> centroids_;  // (count, dim)
  Linear nearest_;  // x → x · centroid - |centroid|² / 2: the largest is of the nearest centroid
  std::vector<int32_t> list_of_;  // (rows)
  std::vector<std::vector<int32_t>> lists_;
};

}  // namespace vitreous

// How Lists come to be: in steps of some milliseconds each, so that the index can be searched and changed
// between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "search/lists.h"
#include "search/row_store.h"
#include "search/top_k.h"

namespace vitreous {

struct ListOptions {
  size_t lists = 0;        // about the square root of the number of rows is a good choice
  size_t iterations = 10;  // of k-means
  uint32_t seed = 0;
};

class ListTraining {
 public:
  // k-means (Lloyd's) over a sample of these rows of the store, from centroids drawn by the seed, then all
  // rows of the store into their lists. `unit`: centroids are scaled to length 1 (spherical k-means), for
  // vectors that are. Throws INVALID_ARGUMENT for options that make no sense.
  ListTraining(const RowStore& store, std::span<const int32_t> rows, const ListOptions& options, bool unit);

  // Does a little of it. Returns whether there is more, which there may be again when the store has grown.
  bool step(const RowStore& store);
  // After RowStore::move: by old row the new one, -1 for those that are gone.
  void renumber(std::span<const int32_t> moved);

  Lists& lists() { return lists_; }

 private:
  void begin_iteration();
  void move_centroids(const RowStore& store);
  size_t at_once(const RowStore& store) const;

  size_t iterations_;  // to come
  bool unit_;
  std::vector<int32_t> sample_;
  Lists lists_;
  // Of the iteration under way, from the first `next_` of the sample:
  size_t next_ = 0;
  std::vector<double> sums_;    // (lists, dim)
  std::vector<size_t> counts_;  // (lists)
  std::vector<Scored> fits_;    // minus half the squared distance of each from its centroid
};

}  // namespace vitreous

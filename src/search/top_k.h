// The best few of many scored rows, in one order everywhere: higher scores first, equal ones by row. Because
// no two rows are equal in it, what is kept does not depend on the order in which rows come, nor on how they
// were divided among threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace vitreous {

struct Scored {
  float score;
  int32_t row;
};

inline bool better(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

class TopK {
 public:
  // Keeps at most `count`, none with a score below `floor`.
  explicit TopK(size_t count, float floor = -std::numeric_limits<float>::infinity())
      : count_(count), start_(floor), floor_(floor) {
    heap_.reserve(count);  // so that threads, which must not throw, need no memory
  }
  // An empty one of the same kind.
  TopK fresh() const { return TopK(count_, start_); }

  void push(Scored one) {
    if (one.score >= floor_) insert(one);
  }
  void merge(const TopK& other) {
    for (const Scored& one : other.heap_) push(one);
  }

  bool full() const { return heap_.size() == count_; }
  // The last of those kept; only when full() and not empty.
  float worst() const { return heap_.front().score; }
  // In no particular order.
  const std::vector<Scored>& kept() const { return heap_; }

 private:
  // Few rows of a scan come so far: the way there stays short.
  [[gnu::noinline]] void insert(Scored one) {
    if (heap_.size() < count_) {
      heap_.push_back(one);
      std::push_heap(heap_.begin(), heap_.end(), better);
      if (heap_.size() == count_) floor_ = heap_.front().score;
    } else if (count_ > 0 && better(one, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = one;
      std::push_heap(heap_.begin(), heap_.end(), better);
      floor_ = heap_.front().score;
    }
  }

  size_t count_;
  float start_, floor_;       // what is below floor_ is not kept
  std::vector<Scored> heap_;  // the worst in front
};

}  // namespace vitreous

// The pool: every index once, whatever the number of threads. Builds without threads have one, and pass too.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace vitreous::test {
namespace {

class ThreadPool : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override { set_thread_count(GetParam()); }
  void TearDown() override { set_thread_count(1); }
};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPool, testing::Values(1, 2, 3, 4));

TEST_P(ThreadPool, HasTheThreadsAskedFor) {
#if defined(VITREOUS_THREADS)
  EXPECT_EQ(thread_count(), GetParam());
  EXPECT_EQ(thread_pool() == nullptr, GetParam() == 1);
#else
  EXPECT_EQ(thread_count(), 1u);
  EXPECT_EQ(thread_pool(), nullptr);
#endif
}

TEST_P(ThreadPool, WorksOnEveryIndexOnceInPiecesThatTheTileAloneDecides) {
  for (const size_t range : {size_t{1}, size_t{7}, size_t{64}, size_t{1000}}) {
    for (const size_t tile : {size_t{1}, size_t{3}, size_t{64}, size_t{5000}}) {
      std::vector<std::atomic<int>> visits(range);
      std::atomic<size_t> bad_pieces = 0;
      parallel_for(range, tile, [&](size_t first, size_t count) {
        if (first % tile != 0 || count != std::min(tile, range - first)) ++bad_pieces;
        for (size_t i = first; i < first + count; ++i) ++visits[i];
      });
      EXPECT_EQ(bad_pieces, 0u);
      for (size_t i = 0; i < range; ++i)
        ASSERT_EQ(visits[i], 1) << "index " << i << " of " << range << " by " << tile;
    }
  }
}

TEST_P(ThreadPool, NumbersThreadsBelowTheCount) {
  std::vector<std::atomic<int>> visits(997);
  std::atomic<size_t> largest = 0;
  parallel_for_threads(visits.size(), [&](size_t thread, size_t index) {
    ++visits[index];
    size_t seen = largest;
    while (thread > seen && !largest.compare_exchange_weak(seen, thread)) {
    }
  });
  EXPECT_LT(largest, thread_count());
  EXPECT_TRUE(std::all_of(visits.begin(), visits.end(), [](const std::atomic<int>& n) { return n == 1; }));
}

TEST_P(ThreadPool, SeesWhatTheCallerWroteAndTheCallerWhatItWrote) {
  std::vector<size_t> values(4096), doubled(values.size());
  for (size_t round = 0; round < 200; ++round) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = i + round;
    parallel_for(values.size(), 64, [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) doubled[i] = 2 * values[i];
    });
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(doubled[i], 2 * (i + round));
  }
}

}  // namespace
}  // namespace vitreous::test

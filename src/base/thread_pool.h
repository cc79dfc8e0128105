// The threads that all operators of this engine share: pthreadpool's, which XNNPACK uses too. In builds
// without threads everything runs in the caller.
#pragma once

#include <pthreadpool.h>

#include <cstddef>

namespace vitreous {

// Null for one thread: what XNNPACK and pthreadpool take as "in the caller".
pthreadpool_t thread_pool();

// How many threads take part, the caller included.
size_t thread_count();

// Starts or ends threads; 1 in builds without threads whatever is asked. Not while an operator runs.
void set_thread_count(size_t threads);

// Calls work(first, count) for pieces of at most `tile` of 0 … range-1, spread over the threads. Every index
// is worked on exactly once, and pieces do not depend on the number of threads, so neither do results.
template <typename Work>
void parallel_for(size_t range, size_t tile, const Work& work) {
  pthreadpool_parallelize_1d_tile_1d(
      thread_pool(),
      [](void* f, size_t first, size_t count) { (*static_cast<const Work*>(f))(first, count); },
      const_cast<Work*>(&work), range, tile, /*flags=*/0);
}

// Calls work(thread, index) for each index, `thread` being the number of the one that runs it: for scratch
// memory.
template <typename Work>
void parallel_for_threads(size_t range, const Work& work) {
  pthreadpool_parallelize_1d_with_thread(
      thread_pool(),
      [](void* f, size_t thread, size_t index) { (*static_cast<const Work*>(f))(thread, index); },
      const_cast<Work*>(&work), range, /*flags=*/0);
}

}  // namespace vitreous

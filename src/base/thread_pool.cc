#include "base/thread_pool.h"

#include <memory>

namespace vitreous {
namespace {

struct Destroy {
  void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
};
std::unique_ptr<pthreadpool, Destroy>& pool() {
  static std::unique_ptr<pthreadpool, Destroy> pool;
  return pool;
}

}  // namespace

pthreadpool_t thread_pool() { return pool().get(); }

size_t thread_count() { return pool() == nullptr ? 1 : pthreadpool_get_threads_count(pool().get()); }

void set_thread_count(size_t threads) {
  if (threads == thread_count()) return;
  pool().reset();
#if defined(VITREOUS_THREADS)
  if (threads > 1) pool().reset(pthreadpool_create(threads));
#endif
}

}  // namespace vitreous

// What every module has: its threads and its memory.
#include <emscripten/bind.h>
#include <emscripten/emscripten.h>
#include <emscripten/heap.h>

#include "base/thread_pool.h"

namespace vt = vitreous;

#ifndef __EMSCRIPTEN_PTHREADS__
// What the glue calls first, which is that of the builds with threads: this one has nothing to set up for a
// thread.
extern "C" EMSCRIPTEN_KEEPALIVE void _emscripten_tls_init() {}
#endif

EMSCRIPTEN_BINDINGS(module) {
  // Returns how many there are then, the caller included: 1 in a build without threads.
  emscripten::function(
      "setThreads", +[](int threads) {
        vt::set_thread_count(size_t(threads));
        return int(vt::thread_count());
      });
  emscripten::function("memoryBytes", +[] { return double(emscripten_get_heap_size()); });
}

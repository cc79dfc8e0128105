// A clock for measuring. <chrono>'s brings error categories, messages and printf into the wasm: 10 kB.
#pragma once

#include <time.h>

namespace vitreous {

// Milliseconds since some moment; never falls.
inline double now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) * 1e-6;
}

}  // namespace vitreous

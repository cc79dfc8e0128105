// Counts what this thread takes from operator new, and can make it fail: for tests of memory bounds.
#pragma once

#include <cstddef>
#include <limits>

namespace vitreous::test {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;                                        // the sum of all, freed or not
  std::size_t largest = 0;                                      // the largest one asked for
  std::size_t limit = std::numeric_limits<std::size_t>::max();  // a larger one fails with std::bad_alloc
};

// Assign {} to begin anew.
Allocations& allocations();

}  // namespace vitreous::test

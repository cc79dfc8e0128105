#include "support/allocations.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace vitreous::test {

Allocations& allocations() {
  thread_local Allocations mine;
  return mine;
}

}  // namespace vitreous::test

namespace {

void* allocate(std::size_t size, std::size_t alignment) {
  auto& mine = vitreous::test::allocations();
  ++mine.count;
  mine.bytes += size;
  mine.largest = std::max(mine.largest, size);
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* memory = size <= mine.limit ? std::aligned_alloc(alignment, rounded) : nullptr;
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}

// The same for the forms that AddressSanitizer would otherwise pair with its own operator new.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(std::max<std::size_t>(size, 1));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

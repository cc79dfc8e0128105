// Memory for activations: aligned for SIMD, and padded because XNNPACK's kernels may read a little past the
// end.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace vitreous {

class Buffer {
 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kPadding = 128;  // bytes; XNN_EXTRA_BYTES is at most that

  Buffer() = default;
  explicit Buffer(size_t floats)
      : size_(floats), data_(static_cast<float*>(::operator new(bytes(), std::align_val_t{kAlignment}))) {
    std::memset(data_.get(), 0, bytes());
  }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return size_; }  // in floats
  size_t bytes() const { return size_ * sizeof(float) + kPadding; }

 private:
  struct Delete {
    void operator()(float* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
  };
  size_t size_ = 0;
  std::unique_ptr<float, Delete> data_;
};

}  // namespace vitreous

// The vectors of an index: rows in chunks, so that adding never moves what is there, as 32-bit floats, as
// 8-bit integers with a scale for each row, or as sign bits; and, where asked for, as floats beside the
// smaller form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"

namespace vitreous {

enum class Storage { kFp32, kInt8, kBinary };

// Rows of so many bytes, each at a multiple of 16, zero to begin with.
class RowChunks {
 public:
  static constexpr size_t kRows = 256;  // of a chunk: 768 kB for 768 floats

  RowChunks() = default;
  explicit RowChunks(size_t row_bytes) : stride_((row_bytes + 15) / 16 * 16) {}

  // Room for `rows` in all; what is there stays where it is. Throws std::bad_alloc and has changed nothing.
  void resize(size_t rows);

  size_t stride() const { return stride_; }  // in bytes
  template <typename T>
  T* row(size_t i) {
    return reinterpret_cast<T*>(chunks_[i / kRows].data()) + i % kRows * (stride_ / sizeof(T));
  }
  template <typename T>
  const T* row(size_t i) const {
    return reinterpret_cast<const T*>(chunks_[i / kRows].data()) + i % kRows * (stride_ / sizeof(T));
  }

 private:
  size_t stride_ = 0;
  std::vector<Buffer> chunks_;
};

class RowStore {
 public:
  // An int8 row: values, zeros up to a multiple of 16, then this.
  struct Int8Tail {
    float scale;
    int32_t sum;  // of the values
  };

  // `keep`: floats too, beside int8 or binary.
  RowStore(size_t dim, Storage storage, bool keep);

  size_t dim() const { return dim_; }
  Storage storage() const { return storage_; }
  bool has_fp32() const { return fp32_.stride() > 0; }
  size_t rows() const { return rows_; }
  // Of a row, that a scan reads.
  size_t scanned_bytes() const {
    return (storage_ == Storage::kFp32 ? fp32_ : storage_ == Storage::kInt8 ? int8_ : bits_).stride();
  }

  // Room for as many rows more. Throws std::bad_alloc and has changed nothing.
  void reserve(size_t more);
  // A row at the end, in the room that was reserved. x: (dim)
  void append(const float* x);
  // Row `from` to the place of row `to`.
  void move(size_t from, size_t to);
  // Leaves the first `rows` only and gives back the memory of the others.
  void truncate(size_t rows);

  // A row as it is kept elsewhere: its floats where there are some, of which the rest follows; else int8
  // values and their scale, or the bits. Given back, it is the same row again, bit for bit.
  size_t packed_bytes() const;
  void pack(size_t row, uint8_t* to) const;
  // Whether bytes can be a row: finite numbers.
  bool valid(const uint8_t* packed) const;
  void append_packed(const uint8_t* packed);

  // to: (dim), dequantized where there are no floats. A sign is ± 1 / √dim.
  void read(size_t row, float* to) const;

  // For the kernels, zeros behind the last value. float: (fp32_stride())
  const float* fp32(size_t row) const { return fp32_.row<float>(row); }
  const int8_t* int8(size_t row) const { return int8_.row<int8_t>(row); }
  const Int8Tail& int8_tail(const int8_t* row) const {
    return *reinterpret_cast<const Int8Tail*>(row + int8_values());
  }
  const uint8_t* bits(size_t row) const { return bits_.row<uint8_t>(row); }
  size_t fp32_stride() const { return (dim_ + 3) / 4 * 4; }
  size_t int8_values() const { return (dim_ + 15) / 16 * 16; }
  size_t bit_stride() const { return (dim_ + 127) / 128 * 16; }  // in bytes

 private:
  void derive(size_t row, const float* x);
  void finish_int8(size_t row, float scale);

  size_t dim_, rows_ = 0;
  Storage storage_;
  RowChunks fp32_, int8_, bits_;  // those not used have a stride of 0
};

// The signs of x: (dim) as bits, the first lowest: 1 where positive. to: (⌈dim / 8⌉)
void sign_bits(size_t dim, const float* x, uint8_t* to);

}  // namespace vitreous

#include "search/row_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/quantize.h"

namespace vitreous {

void RowChunks::resize(size_t rows) {
  if (stride_ == 0) return;
  const size_t before = chunks_.size(), after = (rows + kRows - 1) / kRows;
  try {
    chunks_.reserve(after);
    while (chunks_.size() < after) chunks_.emplace_back(kRows * stride_ / sizeof(float));
  } catch (...) {
    chunks_.resize(before);
    throw;
  }
  chunks_.resize(after);
}

RowStore::RowStore(size_t dim, Storage storage, bool keep) : dim_(dim), storage_(storage) {
  if (storage == Storage::kFp32 || keep) fp32_ = RowChunks(dim * sizeof(float));
  if (storage == Storage::kInt8) int8_ = RowChunks(int8_values() + sizeof(Int8Tail));
  if (storage == Storage::kBinary) bits_ = RowChunks(bit_stride());
}

void RowStore::reserve(size_t more) {
  for (RowChunks* chunks : {&fp32_, &int8_, &bits_}) chunks->resize(rows_ + more);
}

void RowStore::append(const float* x) {
  const size_t row = rows_++;
  if (has_fp32()) std::copy_n(x, dim_, fp32_.row<float>(row));
  derive(row, x);
}

void RowStore::derive(size_t row, const float* x) {
  if (storage_ == Storage::kInt8) finish_int8(row, quantize_weights(x, dim_, int8_.row<int8_t>(row)));
  if (storage_ == Storage::kBinary) sign_bits(dim_, x, bits_.row<uint8_t>(row));
}

void RowStore::finish_int8(size_t row, float scale) {
  int8_t* values = int8_.row<int8_t>(row);
  int32_t sum = 0;
  for (size_t i = 0; i < dim_; ++i) sum += values[i];
  *reinterpret_cast<Int8Tail*>(values + int8_values()) = {scale, sum};
}

void RowStore::move(size_t from, size_t to) {
  for (RowChunks* chunks : {&fp32_, &int8_, &bits_}) {
    if (chunks->stride() > 0) {
      std::memcpy(chunks->row<uint8_t>(to), chunks->row<uint8_t>(from), chunks->stride());
    }
  }
}

void RowStore::truncate(size_t rows) {
  rows_ = rows;
  reserve(0);
}

size_t RowStore::packed_bytes() const {
  if (has_fp32()) return dim_ * sizeof(float);
  return storage_ == Storage::kInt8 ? dim_ + sizeof(float) : (dim_ + 7) / 8;
}

void RowStore::pack(size_t row, uint8_t* to) const {
  if (has_fp32()) {
    std::memcpy(to, fp32(row), dim_ * sizeof(float));
  } else if (storage_ == Storage::kInt8) {
    std::memcpy(to, int8(row), dim_);
    std::memcpy(to + dim_, &int8_tail(int8(row)).scale, sizeof(float));
  } else {
    std::memcpy(to, bits(row), packed_bytes());
  }
}

bool RowStore::valid(const uint8_t* packed) const {
  if (storage_ == Storage::kBinary && !has_fp32()) {
    return dim_ % 8 == 0 || packed[dim_ / 8] >> dim_ % 8 == 0;  // nothing behind the last sign
  }
  std::vector<float> numbers(has_fp32() ? dim_ : 1);
  std::memcpy(numbers.data(), packed + (has_fp32() ? 0 : dim_), numbers.size() * sizeof(float));
  return std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); });
}

void RowStore::append_packed(const uint8_t* packed) {
  const size_t row = rows_++;
  if (has_fp32()) {
    std::memcpy(fp32_.row<float>(row), packed, dim_ * sizeof(float));
    derive(row, fp32(row));
  } else if (storage_ == Storage::kInt8) {
    float scale;
    std::memcpy(int8_.row<int8_t>(row), packed, dim_);
    std::memcpy(&scale, packed + dim_, sizeof scale);
    finish_int8(row, scale);
  } else {
    std::memcpy(bits_.row<uint8_t>(row), packed, packed_bytes());
  }
}

void RowStore::read(size_t row, float* to) const {
  if (has_fp32()) {
    std::copy_n(fp32(row), dim_, to);
  } else if (storage_ == Storage::kInt8) {
    for (size_t i = 0; i < dim_; ++i) to[i] = float(int8(row)[i]) * int8_tail(int8(row)).scale;
  } else {
    const float one = float(1 / std::sqrt(double(dim_)));
    for (size_t i = 0; i < dim_; ++i) to[i] = bits(row)[i / 8] >> i % 8 & 1 ? one : -one;
  }
}

void sign_bits(size_t dim, const float* x, uint8_t* to) {
  std::fill_n(to, (dim + 7) / 8, uint8_t{0});
  for (size_t i = 0; i < dim; ++i) to[i / 8] |= uint8_t((x[i] > 0) << i % 8);
}

}  // namespace vitreous

#include "weights/values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr size_t kBlock = 4096;  // values converted and checked while they are in the first-level cache

void throw_if_bad(const std::vector<float>& values, size_t bad, const std::string& tensor) {
  if (bad == values.size()) return;
  const char* value = std::isnan(values[bad]) ? "NaN" : values[bad] > 0 ? "Infinity" : "-Infinity";
  throw Error(code::kTensorNotFinite,
              "Tensor " + quote(tensor) + " holds " + value + " at index " + std::to_string(bad) +
                  " (flattened): the checkpoint is damaged or its training diverged.");
}

}  // namespace

void Values::begin(Dtype dtype, uint64_t count) {
  dtype_ = dtype;
  values_.clear();
  finite_ = carried_ = 0;
  values_.reserve(static_cast<size_t>(std::min(count, kMaxReserved)));
}

void Values::append(std::span<const uint8_t> bytes) {
  const size_t item = item_size(dtype_);
  for (; carried_ > 0 && !bytes.empty(); bytes = bytes.subspan(1)) {
    carry_[carried_++] = bytes[0];
    if (carried_ < item) continue;
    convert(carry_.data(), 1);
    carried_ = 0;
  }
  const size_t whole = bytes.size() / item;
  convert(bytes.data(), whole);
  for (uint8_t byte : bytes.subspan(whole * item)) carry_[carried_++] = byte;
}

void Values::convert(const uint8_t* bytes, size_t count) {
  const size_t item = item_size(dtype_);
  for (size_t done = 0; done < count; done += kBlock) {
    const size_t n = std::min(kBlock, count - done), start = values_.size();
    values_.resize(start + n);
    to_float32(dtype_, bytes + done * item, values_.data() + start, n);
    if (finite_ == start) finite_ += first_not_finite(values_.data() + start, n);
  }
}

void Values::check_finite(const std::string& tensor) const { throw_if_bad(values_, finite_, tensor); }

std::vector<float> Values::take() {
  finite_ = carried_ = 0;
  return std::exchange(values_, {});
}

void check_finite(const std::vector<float>& values, const std::string& tensor) {
  throw_if_bad(values, first_not_finite(values.data(), values.size()), tensor);
}

}  // namespace vitreous

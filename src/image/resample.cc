#include "image/resample.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/thread_pool.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace vitreous {
namespace {

// Pillow's PRECISION_BITS: 32 less 8 bits of pixel less 2 bits for overshoot, so that every sum fits an
// int32.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr uint32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr int kRowBlock = 4;     // rows resized together, so that one load of a coefficient serves them all
constexpr int kRowsAtOnce = 32;  // source rows taken together, a block after the other for each thread
constexpr size_t kVector = 8;    // bytes that are widened together

// GCC's and Clang's vector extensions: the same code becomes SIMD128, SSE or NEON.
using U8x4 = uint8_t __attribute__((vector_size(4)));
using U8x8 = uint8_t __attribute__((vector_size(8)));
using I16x8 = int16_t __attribute__((vector_size(16)));
using I32x4 = int32_t __attribute__((vector_size(16)));
using U32x4 = uint32_t __attribute__((vector_size(16)));  // wraps, which no sum of ours does in the end

// Eight bytes as int16.
I16x8 widen(const uint8_t* p) {
  U8x8 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, I16x8);
}

// a0 b0 a1 b1 a2 b2 a3 b3, and the same of the upper halves.
I16x8 interleave_low(I16x8 a, I16x8 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
I16x8 interleave_high(I16x8 a, I16x8 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

// A pair of coefficients four times over.
I16x8 splat(const int16_t (&pair)[2]) {
  int32_t both;
  std::memcpy(&both, pair, sizeof both);
  return reinterpret_cast<I16x8>(I32x4{both, both, both, both});
}

// The sums of neighbouring products.
U32x4 dot(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return reinterpret_cast<U32x4>(
      wasm_i32x4_dot_i16x8(reinterpret_cast<v128_t>(a), reinterpret_cast<v128_t>(b)));
#else
  const auto even = [](I16x8 v) {
    return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 2, 4, 6), I32x4);
  };
  const auto odd = [](I16x8 v) {
    return __builtin_convertvector(__builtin_shufflevector(v, v, 1, 3, 5, 7), I32x4);
  };
  return reinterpret_cast<U32x4>(even(a) * even(b) + odd(a) * odd(b));
#endif
}

// Four sums of bytes times coefficients.
struct Sums {
  U32x4 high = {}, low = {kHalf, kHalf, kHalf, kHalf};

  void add(I16x8 bytes, I16x8 high_coefficients, I16x8 low_coefficients) {
    high += dot(bytes, high_coefficients);
    low += dot(bytes, low_coefficients);
  }
  U8x4 bytes() const {
    I32x4 v = reinterpret_cast<I32x4>((high << FilterBank::kLowBits) + low) >> kPrecisionBits;
    v = v < 0 ? I32x4{} : v;
    v = v > 255 ? I32x4{255, 255, 255, 255} : v;
    return __builtin_convertvector(v, U8x4);
  }
};

// Resizes kRows rows of four-byte pixels, those of bank.widened_inputs(). Each output pixel is stored as four
// bytes, three apart: the fourth is overwritten by the next pixel, the last falls in the row's slack.
template <int kRows>
void resize_horizontally(const FilterBank& bank, const uint8_t* const* rows, uint8_t* const* out) {
  const int first_column = bank.widened_inputs().first;
  for (int x = 0; x < bank.count(); ++x) {
    const FilterBank::Window& window = bank.window(x);
    const FilterBank::Group* group = bank.groups(window);
    const FilterBank::Group* end = group + window.groups;
    const uint8_t* pixels[kRows];
    for (int r = 0; r < kRows; ++r)
      pixels[r] = rows[r] + 4 * static_cast<size_t>(window.first - first_column);
    Sums sums[kRows];
    for (; group < end; ++group) {
      const I16x8 high02 = splat(group->high02), high13 = splat(group->high13);
      const I16x8 low02 = splat(group->low02), low13 = splat(group->low13);
      for (int r = 0; r < kRows; ++r) {
        const I16x8 pixels01 = widen(pixels[r]), pixels23 = widen(pixels[r] + 8);
        pixels[r] += 4 * FilterBank::kGroup;
        sums[r].add(interleave_low(pixels01, pixels23), high02, low02);
        sums[r].add(interleave_high(pixels01, pixels23), high13, low13);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      const U8x4 pixel = sums[r].bytes();
      std::memcpy(out[r] + 3 * static_cast<size_t>(x), &pixel, sizeof pixel);
    }
  }
}

// One output row from kGroup · groups rows of n bytes, each readable up to the next multiple of eight.
void resize_vertically(const uint8_t* const* rows, const FilterBank::Group* groups, int count, size_t n,
                       uint8_t* out) {
  for (size_t x = 0; x < n; x += 8) {
    Sums left, right;
    for (int i = 0; i < count; ++i) {
      const uint8_t* const* four = rows + FilterBank::kGroup * i;
      const I16x8 row0 = widen(four[0] + x), row1 = widen(four[1] + x);
      const I16x8 row2 = widen(four[2] + x), row3 = widen(four[3] + x);
      const I16x8 high02 = splat(groups[i].high02), high13 = splat(groups[i].high13);
      const I16x8 low02 = splat(groups[i].low02), low13 = splat(groups[i].low13);
      left.add(interleave_low(row0, row2), high02, low02);
      left.add(interleave_low(row1, row3), high13, low13);
      right.add(interleave_high(row0, row2), high02, low02);
      right.add(interleave_high(row1, row3), high13, low13);
    }
    const U8x4 bytes[2] = {left.bytes(), right.bytes()};
    std::memcpy(out + x, bytes, std::min(n - x, sizeof bytes));
  }
}

// n pixels of one, three or four bytes as four bytes each; the fourth is never looked at.
void expand(const uint8_t* pixels, int channels, size_t n, uint8_t* out) {
  if (channels == 4) {
    std::memcpy(out, pixels, 4 * n);
    return;
  }
  if (channels == 1) {
    for (size_t i = 0; i < n; ++i) std::memset(out + 4 * i, pixels[i], 4);
    return;
  }
  for (size_t i = 0; i + 1 < n; ++i) std::memcpy(out + 4 * i, pixels + 3 * i, 4);
  if (n > 0) std::memcpy(out + 4 * (n - 1), pixels + 3 * (n - 1), 3);  // reading a fourth would leave the row
}

// Pillow 13 runs the vertical pass first where the height shrinks by more than twice what the width shrinks
// by; earlier releases never did. As each pass rounds to 8 bits, the order shows in the bytes.
bool runs_vertically_first(int in_width, int in_height, int out_width, int out_height) {
  return out_height < in_height && in_height - out_height > 2.0 * (in_width - out_width);
}

std::string by(int width, int height) { return std::to_string(width) + "×" + std::to_string(height); }

}  // namespace

void check_image(int width, int height, int channels) {
  const auto side_fits = [](int side) { return side >= 1 && side <= kMaxImageSide; };
  if (!side_fits(width) || !side_fits(height)) {
    throw Error(code::kInvalidImage, "the image is " + by(width, height) +
                                         " pixels; each side must be 1 to " + std::to_string(kMaxImageSide));
  }
  if (channels != 1 && channels != 3 && channels != 4) {
    throw Error(code::kInvalidImage, "the image has " + std::to_string(channels) +
                                         " channels; give grey (1), RGB (3) or RGBA (4) pixels");
  }
}

void FilterBank::plan(int in_size, int out_size, int first, int count, Interpolation interpolation) {
  const Key key{in_size, out_size, first, count, interpolation};
  if (key == key_) return;
  key_ =
      {};  // should an allocation fail below, the half-made tables are not taken for these arguments' again
  windows_.clear();
  groups_.clear();
  max_inputs_ = max_groups_ = 0;
  inputs_ = widened_inputs_ = {in_size, 0};
  for (int i = 0; i < count; ++i) {
    plan_window(in_size, out_size, first + i, interpolation, filter_);
    const int begin = filter_.begin, size = static_cast<int>(filter_.weights.size());
    const int groups = (size + kGroup - 1) / kGroup;
    const int widened = std::clamp(in_size - kGroup * groups, 0, begin);
    windows_.push_back({begin, size, widened, groups, groups_.size()});
    max_inputs_ = std::max(max_inputs_, size);
    max_groups_ = std::max(max_groups_, groups);
    inputs_ = {std::min(inputs_.first, begin), std::max(inputs_.last, begin + size)};
    widened_inputs_ = {std::min(widened_inputs_.first, widened),
                       std::max(widened_inputs_.last, widened + kGroup * groups)};
    groups_.resize(groups_.size() + static_cast<size_t>(groups));
    for (int x = 0; x < size; ++x) {
      const double weight = filter_.weights[static_cast<size_t>(x)];
      const auto k = static_cast<int32_t>(weight * (1 << kPrecisionBits) + (weight < 0 ? -0.5 : 0.5));
      const int place = begin + x - widened;
      Group& group = groups_[windows_.back().group + static_cast<size_t>(place / kGroup)];
      const int half = place % kGroup / 2;
      (place % 2 == 0 ? group.high02 : group.high13)[half] = static_cast<int16_t>(k >> kLowBits);
      (place % 2 == 0 ? group.low02 : group.low13)[half] = static_cast<int16_t>(k & ((1 << kLowBits) - 1));
    }
  }
  key_ = key;
}

void Resampler::begin(int in_width, int in_height, int channels, int out_width, int out_height,
                      const Box& box, Interpolation interpolation, uint8_t* out, size_t out_stride) {
  check_image(in_width, in_height, channels);
  // A pass that changes nothing is skipped in Pillow. Here it runs: its coefficients are 1 and 0, so it is
  // exact.
  horizontal_.plan(in_width, out_width, box.left, box.width, interpolation);
  vertical_.plan(in_height, out_height, box.top, box.height, interpolation);
  width_ = in_width;
  height_ = in_height;
  channels_ = channels;
  next_row_ = needed_rows().first;
  next_out_ = 0;
  out_ = out;
  out_stride_ = out_stride;
  out_bytes_ = 3 * static_cast<size_t>(box.width);
  vertical_first_ = runs_vertically_first(in_width, in_height, out_width, out_height);

  // Rows are read where they are, unless they have to become four-byte pixels or are shorter than a group.
  expands_ = channels != 4 || horizontal_.widened_inputs().last > in_width;
  ring_bytes_ = vertical_first_ ? source_bytes() : out_bytes_;
  ring_stride_ = (ring_bytes_ + 1 + kVector - 1) / kVector * kVector;
  // The longest window may end anywhere within the rows stored together.
  ring_rows_ = vertical_.max_inputs() + kRowsAtOnce - 1;
  ring_.resize(ring_stride_ * static_cast<size_t>(ring_rows_));
  window_rows_.resize(static_cast<size_t>(FilterBank::kGroup * vertical_.max_groups()));
  if (vertical_first_) {
    scratch_.resize(source_bytes() + out_bytes_ + 1);
  } else if (expands_) {
    scratch_.resize(source_bytes() * kRowsAtOnce);
  }
}

size_t Resampler::source_bytes() const {
  return 4 * static_cast<size_t>(horizontal_.widened_inputs().count());
}

Range Resampler::needed_columns() const {
  const Range columns = horizontal_.widened_inputs();
  return {columns.first, std::min(columns.last, width_)};
}

void Resampler::push(const uint8_t* rows, int n) {
  const int last = needed_rows().last;
  if (n < 0 || n > last - next_row_) {
    throw Error(code::kInvalidImage, std::to_string(n) + " rows were given from row " +
                                         std::to_string(next_row_) + " on, of which " +
                                         std::to_string(last - next_row_) + " are needed");
  }
  const size_t row_bytes = static_cast<size_t>(needed_columns().count()) * static_cast<size_t>(channels_);
  for (const int end = next_row_ + n; next_row_ < end;) {
    const int count = std::min(kRowsAtOnce, end - next_row_);
    store_rows(rows, count);
    rows += row_bytes * static_cast<size_t>(count);
    next_row_ += count;
    emit_finished_rows();
  }
}

// Puts source rows next_row_ … next_row_ + n - 1 into the ring, spread over the threads.
void Resampler::store_rows(const uint8_t* rows, int n) {
  parallel_for(static_cast<size_t>(n), kRowBlock, [&](size_t first, size_t count) {
    store_block(rows, static_cast<int>(first), static_cast<int>(count));
  });
}

// `count` ≤ kRowBlock of them: as they are, or horizontally resized.
void Resampler::store_block(const uint8_t* rows, int first, int count) {
  const auto columns = static_cast<size_t>(needed_columns().count());
  const size_t row_bytes = columns * static_cast<size_t>(channels_);
  const uint8_t* in[kRowBlock];
  uint8_t* out[kRowBlock];
  for (int i = 0; i < count; ++i) {
    const auto row = static_cast<size_t>(first + i);
    in[i] = rows + row_bytes * row;
    out[i] = ring_row(next_row_ + first + i);
    if (vertical_first_) {
      expand(in[i], channels_, columns, out[i]);
    } else if (expands_) {
      uint8_t* expanded = scratch_.data() + source_bytes() * row;
      expand(in[i], channels_, columns, expanded);
      in[i] = expanded;
    }
  }
  if (vertical_first_) return;
  if (count == kRowBlock) {
    resize_horizontally<kRowBlock>(horizontal_, in, out);
  } else {
    for (int i = 0; i < count; ++i) resize_horizontally<1>(horizontal_, in + i, out + i);
  }
}

// Completes every output row whose vertical window has arrived.
void Resampler::emit_finished_rows() {
  for (; !done(); ++next_out_) {
    const FilterBank::Window& window = vertical_.window(next_out_);
    if (window.begin + window.size > next_row_) return;
    for (int i = 0; i < FilterBank::kGroup * window.groups; ++i) {
      // Where the window was widened the row does not matter, only that there is one.
      const int y = std::clamp(window.first + i, window.begin, window.begin + window.size - 1);
      window_rows_[static_cast<size_t>(i)] = ring_row(y);
    }
    uint8_t* out = out_ + out_stride_ * static_cast<size_t>(next_out_);
    uint8_t* merged = vertical_first_ ? scratch_.data() : out;
    resize_vertically(window_rows_.data(), vertical_.groups(window), window.groups, ring_bytes_, merged);
    if (vertical_first_) {
      uint8_t* with_slack = merged + ring_bytes_;
      resize_horizontally<1>(horizontal_, &merged, &with_slack);
      std::memcpy(out, with_slack, out_bytes_);
    }
  }
}

std::vector<uint8_t> resize_rgb8(const uint8_t* src, int w, int h, int channels, int out_w, int out_h,
                                 Interpolation interpolation) {
  constexpr uint64_t kMaxBytes = std::numeric_limits<std::ptrdiff_t>::max();
  if (out_w < 1 || out_h < 1 || 3 * static_cast<uint64_t>(out_w) * static_cast<uint64_t>(out_h) > kMaxBytes) {
    throw Error(code::kInvalidArgument,
                "cannot resize to " + by(out_w, out_h) +
                    " pixels; both sides must be positive and the result fit in memory");
  }
  const size_t stride = 3 * static_cast<size_t>(out_w);
  std::vector<uint8_t> out(stride * static_cast<size_t>(out_h));
  Resampler resampler;
  resampler.begin(w, h, channels, out_w, out_h, {0, 0, out_w, out_h}, interpolation, out.data(), stride);
  resampler.push(src, h);
  return out;
}

}  // namespace vitreous

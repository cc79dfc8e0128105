#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "base/error.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF  // a fused multiply-add would round the coefficients unlike Pillow
#endif

namespace vitreous {
namespace {

// Pillow's PRECISION_BITS: 32 less 8 bits of pixel less 2 bits for overshoot, so that every sum fits an
// int32.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr int kRowBlock =
    4;  // source rows resized together, so that one load of a coefficient serves them all
constexpr size_t kVector = 16;  // bytes of a SIMD register

// GCC's and Clang's vector extensions: the same code becomes SIMD128, SSE or NEON.
using U8x4 = uint8_t __attribute__((vector_size(4)));
using U8x8 = uint8_t __attribute__((vector_size(8)));
using U8x16 = uint8_t __attribute__((vector_size(16)));
using I16x8 = int16_t __attribute__((vector_size(16)));
using I32x4 = int32_t __attribute__((vector_size(16)));

template <typename Vector>
Vector load(const uint8_t* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

I32x4 low(I16x8 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), I32x4); }
I32x4 high(I16x8 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), I32x4); }

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic convolution with a = -0.5, written in Pillow's order of operations.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Resizes kRows rows of four-byte pixels, each given from source column first_column on. Each output pixel is
// stored as four bytes, three apart: the fourth is overwritten by the next pixel, the last falls in the row's
// slack.
template <int kRows>
void resize_horizontally(const FilterBank& bank, const uint8_t* const* rows, int first_column,
                         uint8_t* const* out) {
  for (int x = 0; x < bank.count(); ++x) {
    const FilterBank::Window& window = bank.window(x);
    const int32_t* k = bank.coefficients(window);
    const size_t offset = 4 * static_cast<size_t>(window.begin - first_column);
    I32x4 sum[kRows];
    for (I32x4& s : sum) s = I32x4{kHalf, kHalf, kHalf, kHalf};
    int i = 0;
    for (; i + 2 <= window.size; i += 2) {
      for (int r = 0; r < kRows; ++r) {
        const I16x8 pixels =
            __builtin_convertvector(load<U8x8>(rows[r] + offset + 4 * static_cast<size_t>(i)), I16x8);
        sum[r] += low(pixels) * k[i] + high(pixels) * k[i + 1];
      }
    }
    if (i < window.size) {
      for (int r = 0; r < kRows; ++r) {
        const U8x4 pixel = load<U8x4>(rows[r] + offset + 4 * static_cast<size_t>(i));
        sum[r] += __builtin_convertvector(pixel, I32x4) * k[i];
      }
    }
    for (int r = 0; r < kRows; ++r) {
      const U8x4 pixel = {to_byte(sum[r][0]), to_byte(sum[r][1]), to_byte(sum[r][2]), 0};
      std::memcpy(out[r] + 3 * static_cast<size_t>(x), &pixel, sizeof pixel);
    }
  }
}

// One output row from `count` rows of n bytes, each readable up to the next multiple of kVector.
void resize_vertically(const uint8_t* const* rows, const int32_t* k, int count, size_t n, uint8_t* out) {
  for (size_t x = 0; x < n; x += kVector) {
    I32x4 sum[4];
    for (I32x4& s : sum) s = I32x4{kHalf, kHalf, kHalf, kHalf};
    for (int i = 0; i < count; ++i) {
      const I16x8 a = __builtin_convertvector(load<U8x8>(rows[i] + x), I16x8);
      const I16x8 b = __builtin_convertvector(load<U8x8>(rows[i] + x + 8), I16x8);
      sum[0] += low(a) * k[i];
      sum[1] += high(a) * k[i];
      sum[2] += low(b) * k[i];
      sum[3] += high(b) * k[i];
    }
    const size_t end = std::min(n - x, kVector);
    for (size_t j = 0; j < end; ++j) out[x + j] = to_byte(sum[j / 4][j % 4]);
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
  const auto filter = interpolation == Interpolation::kBicubic ? bicubic : bilinear;
  const double filter_support = interpolation == Interpolation::kBicubic ? 2.0 : 1.0;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_support * filter_scale;
  const double inverse_filter_scale = 1.0 / filter_scale;

  windows_.clear();
  coefficients_.clear();
  max_window_ = 0;
  for (int i = 0; i < count; ++i) {
    const double center = (first + i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), in_size);
    weights_.clear();
    double total = 0.0;
    for (int x = 0; x < end - begin; ++x) {
      weights_.push_back(filter((x + begin - center + 0.5) * inverse_filter_scale));
      total += weights_.back();
    }
    windows_.push_back({begin, end - begin, coefficients_.size()});
    max_window_ = std::max(max_window_, end - begin);
    for (double weight : weights_) {
      if (total != 0.0) weight /= total;
      coefficients_.push_back(
          static_cast<int32_t>(weight * (1 << kPrecisionBits) + (weight < 0 ? -0.5 : 0.5)));
    }
  }
  key_ = key;
}

RowRange FilterBank::inputs() const {
  if (windows_.empty()) return {};
  return {windows_.front().begin, windows_.back().begin + windows_.back().size};
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
  next_row_ = next_out_ = 0;
  out_ = out;
  out_stride_ = out_stride;
  out_bytes_ = 3 * static_cast<size_t>(box.width);
  vertical_first_ = runs_vertically_first(in_width, in_height, out_width, out_height);

  const RowRange columns = horizontal_.inputs();
  const size_t source_bytes = 4 * static_cast<size_t>(columns.last - columns.first);
  ring_bytes_ = vertical_first_ ? source_bytes : out_bytes_;
  ring_stride_ = (ring_bytes_ + 1 + kVector - 1) / kVector * kVector;
  // The longest window may end anywhere within the last block of rows.
  ring_rows_ = vertical_.max_window() + kRowBlock - 1;
  ring_.resize(ring_stride_ * static_cast<size_t>(ring_rows_));
  window_rows_.resize(static_cast<size_t>(vertical_.max_window()));
  if (vertical_first_) {
    scratch_.resize(source_bytes + out_bytes_ + 1);
  } else if (channels != 4) {
    scratch_.resize(source_bytes * kRowBlock);
  }
}

void Resampler::check_rows(int n) const {
  if (n < 0 || n > height_ - next_row_) {
    throw Error(code::kInvalidImage, std::to_string(n) + " rows were given after row " +
                                         std::to_string(next_row_) + " of an image of " +
                                         std::to_string(height_) + " rows; give each row once, in order");
  }
}

void Resampler::skip(int n) {
  check_rows(n);
  const RowRange needed = needed_rows();
  if (n > 0 && next_row_ + n > needed.first && next_row_ < needed.last) {
    throw Error(code::kInvalidImage, "rows " + std::to_string(needed.first) + " to " +
                                         std::to_string(needed.last - 1) +
                                         " are needed and cannot be skipped");
  }
  next_row_ += n;
}

void Resampler::push(const uint8_t* rows, int n) {
  check_rows(n);
  const size_t row_bytes = static_cast<size_t>(width_) * static_cast<size_t>(channels_);
  const RowRange needed = needed_rows();
  const int end = next_row_ + n;
  const int first = std::clamp(needed.first, next_row_, end);
  const int last = std::clamp(needed.last, first, end);
  rows += row_bytes * static_cast<size_t>(first - next_row_);
  for (next_row_ = first; next_row_ < last;) {
    const int block = std::min(kRowBlock, last - next_row_);
    store_rows(rows, block);
    rows += row_bytes * static_cast<size_t>(block);
    next_row_ += block;
    emit_finished_rows();
  }
  next_row_ = end;
}

// Puts source rows next_row_ … next_row_ + n - 1 into the ring: as they are, or horizontally resized.
void Resampler::store_rows(const uint8_t* rows, int n) {
  const RowRange columns = horizontal_.inputs();
  const size_t column_count = static_cast<size_t>(columns.last - columns.first);
  const size_t channels = static_cast<size_t>(channels_);
  const uint8_t* in[kRowBlock];
  uint8_t* out[kRowBlock];
  for (int r = 0; r < n; ++r) {
    in[r] = rows + channels * (static_cast<size_t>(width_) * static_cast<size_t>(r) +
                               static_cast<size_t>(columns.first));
    out[r] = ring_row(next_row_ + r);
    if (vertical_first_) {
      expand(in[r], channels_, column_count, out[r]);
    } else if (channels_ != 4) {
      uint8_t* expanded = scratch_.data() + 4 * column_count * static_cast<size_t>(r);
      expand(in[r], channels_, column_count, expanded);
      in[r] = expanded;
    }
  }
  if (vertical_first_) return;
  if (n == kRowBlock) {
    resize_horizontally<kRowBlock>(horizontal_, in, columns.first, out);
  } else {
    for (int r = 0; r < n; ++r) resize_horizontally<1>(horizontal_, in + r, columns.first, out + r);
  }
}

// Completes every output row whose vertical window has arrived.
void Resampler::emit_finished_rows() {
  for (; !done(); ++next_out_) {
    const FilterBank::Window& window = vertical_.window(next_out_);
    if (window.begin + window.size > next_row_) return;
    for (int i = 0; i < window.size; ++i) window_rows_[static_cast<size_t>(i)] = ring_row(window.begin + i);
    uint8_t* out = out_ + out_stride_ * static_cast<size_t>(next_out_);
    uint8_t* merged = vertical_first_ ? scratch_.data() : out;
    resize_vertically(window_rows_.data(), vertical_.coefficients(window), window.size, ring_bytes_, merged);
    if (vertical_first_) {
      uint8_t* with_slack = merged + ring_bytes_;
      resize_horizontally<1>(horizontal_, &merged, horizontal_.inputs().first, &with_slack);
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

// Pillow's antialiased resize for 8-bit pixels, byte for byte: src/libImaging/Resample.c, as `Image.resize`
// runs it on RGB images. Two passes in 22-bit fixed point, each rounded to 8 bits; when an image shrinks the
// filter's support grows with the scale. Only a box of the resized image is computed, from rows that may
// arrive a few at a time, so neither the source nor the resized image is ever held whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/filter.h"

namespace vitreous {

inline constexpr int kMaxImageSide =
    65535;  // what JPEG and canvases can hold; Pillow's arithmetic is exact far beyond

// Throws INVALID_IMAGE unless both sides are 1 … kMaxImageSide and the channels 1 (grey), 3 (RGB) or 4
// (RGBA).
void check_image(int width, int height, int channels);

// first, first + 1, …, last - 1.
struct Range {
  int first = 0, last = 0;
  int count() const { return last - first; }
  bool operator==(const Range&) const = default;
};

// A rectangle of the resized image, in its pixels.
struct Box {
  int left = 0, top = 0, width = 0, height = 0;
};

// The filter windows of outputs first … first + count - 1 along one dimension (Pillow's precompute_coeffs and
// normalize_coeffs_8bpc). Each is widened to whole groups of kGroup inputs, at its end or where the input
// ends at its beginning; what is added has coefficients of zero.
class FilterBank {
 public:
  static constexpr int kGroup = 4;
  // A coefficient k is high · 2^kLowBits + low: in two int16 that multiply bytes exactly.
  static constexpr int kLowBits = 12;
  struct Group {
    int16_t high02[2], high13[2], low02[2], low13[2];  // of inputs 0 and 2, 1 and 3 of the group
  };
  struct Window {
    int begin, size;  // the inputs that count: begin … begin + size - 1
    int first;        // of the widened window
    int groups;       // of the widened window; of an input below kGroup it sticks out at the end
    size_t group;     // index of the first of its groups
  };

  // Keeps the tables when the arguments are those of the last call.
  void plan(int in_size, int out_size, int first, int count, Interpolation interpolation);

  int count() const { return static_cast<int>(windows_.size()); }
  const Window& window(int i) const { return windows_[static_cast<size_t>(i)]; }
  const Group* groups(const Window& window) const { return groups_.data() + window.group; }
  int max_inputs() const { return max_inputs_; }  // of a window, those that count
  int max_groups() const { return max_groups_; }
  Range inputs() const { return inputs_; }  // that count for any window
  Range widened_inputs() const { return widened_inputs_; }

 private:
  struct Key {
    int in_size = 0, out_size = 0, first = 0, count = 0;
    Interpolation interpolation = Interpolation::kBilinear;
    bool operator==(const Key&) const = default;
  };
  Key key_;
  std::vector<Window> windows_;
  std::vector<Group> groups_;
  FilterWindow filter_;
  int max_inputs_ = 0, max_groups_ = 0;
  Range inputs_, widened_inputs_;
};

// Resizes one image at a time: begin, then the needed part of the source, row by row in order. Buffers and
// tables are kept from image to image.
class Resampler {
 public:
  // Source of in_width × in_height pixels of `channels` bytes (grey is repeated, alpha dropped); of its
  // resize to out_width × out_height the RGB bytes of `box` go to `out`, whose rows lie `out_stride` bytes
  // apart. `out` must stay valid until done(). Throws as check_image() does.
  void begin(int in_width, int in_height, int channels, int out_width, int out_height, const Box& box,
             Interpolation interpolation, uint8_t* out, size_t out_stride);

  // The part of the source that matters.
  Range needed_rows() const { return vertical_.inputs(); }
  Range needed_columns() const;
  // Takes the next n needed rows, of the needed columns, tightly packed. Throws INVALID_IMAGE when there are
  // not so many left.
  void push(const uint8_t* rows, int n);
  int next_row() const { return next_row_; }
  bool done() const { return next_out_ == vertical_.count(); }

 private:
  void store_rows(const uint8_t* rows, int n);
  void store_block(const uint8_t* rows, int first, int count);
  void emit_finished_rows();
  size_t source_bytes() const;  // of a row's columns that the horizontal pass reads, as four-byte pixels
  uint8_t* ring_row(int y) { return ring_.data() + static_cast<size_t>(y % ring_rows_) * ring_stride_; }

  FilterBank horizontal_, vertical_;
  int width_ = 0, height_ = 0, channels_ = 0;
  int next_row_ = 0, next_out_ = 0;
  uint8_t* out_ = nullptr;
  size_t out_stride_ = 0, out_bytes_ = 0;  // of one row
  bool vertical_first_ = false, expands_ = false;
  // The last ring_rows_ source rows: RGB, horizontally resized; with vertical_first_ RGBX, as they came.
  std::vector<uint8_t> ring_;
  int ring_rows_ = 0;
  size_t ring_stride_ = 0, ring_bytes_ = 0;  // of one row
  std::vector<uint8_t> scratch_;             // rows between the caller's layout, the passes and `out`
  std::vector<const uint8_t*> window_rows_;
};

// The whole image: src is h × w × channels bytes (1, 3 or 4), the result out_h × out_w × 3.
// `Image.resize((out_w, out_h), resample)`. Throws INVALID_IMAGE or INVALID_ARGUMENT for impossible sizes.
std::vector<uint8_t> resize_rgb8(const uint8_t* src, int w, int h, int channels, int out_w, int out_h,
                                 Interpolation interpolation);

}  // namespace vitreous

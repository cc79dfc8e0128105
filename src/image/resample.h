// Pillow's antialiased resize for 8-bit pixels, byte for byte: src/libImaging/Resample.c, as `Image.resize`
// runs it on RGB images. Two passes in 22-bit fixed point, each rounded to 8 bits; when an image shrinks the
// filter's support grows with the scale. Only a box of the resized image is computed, from rows that may
// arrive a few at a time, so neither the source nor the resized image is ever held whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitreous {

enum class Interpolation { kBilinear, kBicubic };

inline constexpr int kMaxImageSide =
    65535;  // what JPEG and canvases can hold; Pillow's arithmetic is exact far beyond

// Throws INVALID_IMAGE unless both sides are 1 … kMaxImageSide and the channels 1 (grey), 3 (RGB) or 4
// (RGBA).
void check_image(int width, int height, int channels);

// Rows first, first + 1, …, last - 1.
struct RowRange {
  int first = 0, last = 0;
  bool operator==(const RowRange&) const = default;
};

// A rectangle of the resized image, in its pixels.
struct Box {
  int left = 0, top = 0, width = 0, height = 0;
};

// The filter windows of outputs first … first + count - 1 along one dimension (Pillow's precompute_coeffs and
// normalize_coeffs_8bpc).
class FilterBank {
 public:
  struct Window {
    int begin, size;     // input positions begin … begin + size - 1
    size_t coefficient;  // index of the first of `size` coefficients
  };

  // Keeps the tables when the arguments are those of the last call.
  void plan(int in_size, int out_size, int first, int count, Interpolation interpolation);

  int count() const { return static_cast<int>(windows_.size()); }
  const Window& window(int i) const { return windows_[static_cast<size_t>(i)]; }
  const int32_t* coefficients(const Window& window) const {
    return coefficients_.data() + window.coefficient;
  }
  int max_window() const { return max_window_; }
  RowRange inputs() const;  // the input positions that any window touches

 private:
  struct Key {
    int in_size = 0, out_size = 0, first = 0, count = 0;
    Interpolation interpolation = Interpolation::kBilinear;
    bool operator==(const Key&) const = default;
  };
  Key key_;
  std::vector<Window> windows_;
  std::vector<int32_t> coefficients_;  // 22-bit fixed point; those of a window sum to about one
  std::vector<double> weights_;        // one window before normalisation
  int max_window_ = 0;
};

// Resizes one image at a time: begin, then all needed rows in order. Buffers and tables are kept from image
// to image.
class Resampler {
 public:
  // Source of in_width × in_height pixels of `channels` bytes (grey is repeated, alpha dropped); of its
  // resize to out_width × out_height the RGB bytes of `box` go to `out`, whose rows lie `out_stride` bytes
  // apart. `out` must stay valid until done(). Throws as check_image() does.
  void begin(int in_width, int in_height, int channels, int out_width, int out_height, const Box& box,
             Interpolation interpolation, uint8_t* out, size_t out_stride);

  // The source rows that matter; the others may be passed over with skip().
  RowRange needed_rows() const { return vertical_.inputs(); }
  // Takes the next n rows, tightly packed. Throws INVALID_IMAGE when the image has no such rows.
  void push(const uint8_t* rows, int n);
  // Passes over the next n rows. Throws INVALID_IMAGE when one of them is needed.
  void skip(int n);
  int next_row() const { return next_row_; }
  bool done() const { return next_out_ == vertical_.count(); }

 private:
  void check_rows(int n) const;
  void store_rows(const uint8_t* rows, int n);
  void emit_finished_rows();
  uint8_t* ring_row(int y) { return ring_.data() + static_cast<size_t>(y % ring_rows_) * ring_stride_; }

  FilterBank horizontal_, vertical_;
  int width_ = 0, height_ = 0, channels_ = 0;
  int next_row_ = 0, next_out_ = 0;
  uint8_t* out_ = nullptr;
  size_t out_stride_ = 0, out_bytes_ = 0;  // of one row
  bool vertical_first_ = false;
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

// timm's eval transform (`create_transform(**data_config, is_training=False)`, transforms_imagenet_eval) for
// one image of 8-bit pixels: Pillow's resize, crop, and torchvision's ToTensor + Normalize. The pixels are
// pushed a few rows at a time and only what the crop shows is computed, so that a large photo never lies
// whole in the engine's memory.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "image/resample.h"

namespace vitreous {

// How the image meets the input size (timm's crop_mode). Every mode aims at the input size divided by
// crop_pct.
enum class CropMode {
  kCenter,  // the image covers it, keeping its aspect; the center is cut out
  kSquash,  // both sides are scaled to it, whatever the aspect; the center is cut out
  kBorder,  // the image fits inside it, keeping its aspect; the rest is filled with the mean color
};

// timm's data config; the defaults are those of vit_base_patch16_224.dino.
struct DataConfig {
  int width = 224, height = 224;  // timm's input_size without its channels, which are always three
  Interpolation interpolation = Interpolation::kBicubic;
  double crop_pct = 0.9;  // double as in Python: in floats ⌊240 / 0.6⌋ is 399
  CropMode crop_mode = CropMode::kCenter;
  // double for the same reason: CLIP's have more digits than a float
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
};

// A rectangle of the source image, in its pixels; where the image is padded it reaches outside.
struct SourceBox {
  double x = 0, y = 0, width = 0, height = 0;
};

// Serves any number of images: begin, push the needed rows in order, finish. Images of the same size as the
// last one cause no allocation.
class Transform {
 public:
  // Throws INVALID_ARGUMENT for a config that no image can follow.
  explicit Transform(const DataConfig& config);
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;

  const DataConfig& config() const { return config_; }

  // Starts an image of grey (1 channel), RGB (3) or RGBA (4) bytes. Grey becomes three equal channels and
  // alpha is dropped, as `PIL.Image.convert('RGB')` does. Throws INVALID_IMAGE for other channel counts, for
  // sides outside 1 … kMaxImageSide, and for images too narrow to keep their aspect; forgets the image before
  // in any case.
  void begin(int width, int height, int channels);
  // The part of the source that the crop touches.
  Range needed_rows() const;
  Range needed_columns() const;
  // What the input shows, edge to edge.
  SourceBox source_box() const;
  // Takes the next n needed rows, of the needed columns, tightly packed. Throws INVALID_IMAGE when there are
  // not so many left.
  void push(const uint8_t* rows, int n);
  // Writes (3, height, width) floats: (byte / 255 - mean) / std. Throws INVALID_IMAGE when needed rows are
  // missing.
  void finish(float* planes) const;
  // The (height, width, 3) bytes that finish() normalises: timm's result before ToTensor. Complete once the
  // needed rows are pushed, valid until the next begin().
  const std::vector<uint8_t>& pixels() const { return pixels_; }

 private:
  struct Size {
    double width, height;  // whole numbers; beyond an int's range before they are checked
  };
  Size resized_size(double width, double height) const;
  Size resize_shorter_side(double width, double height) const;
  Size resize_keep_ratio(double width, double height, bool fit_inside) const;
  void fill_with_padding();
  void check_begun() const;

  DataConfig config_;
  int scale_width_, scale_height_;                    // the input size divided by crop_pct
  std::array<std::array<float, 256>, 3> normalized_;  // [channel][byte]
  Resampler resampler_;
  std::vector<uint8_t> pixels_;
  SourceBox source_box_;
  bool begun_ = false;
};

}  // namespace vitreous

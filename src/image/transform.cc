#include "image/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"

namespace vitreous {
namespace {

constexpr int kMaxInputSide =
    8192;  // far above any ViT's input; keeps 3 × height × width floats below 2³¹ bytes

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(code::kInvalidArgument, message);
}

// Python's round(): halves go to the even neighbour, as in the default rounding mode.
double round_half_even(double x) { return std::nearbyint(x); }

// Where a line of `crop` pixels meets one of `size` along one dimension.
struct Overlap {
  int in_image;  // the first pixel that the crop shows
  int in_crop;   // where it lands: above 0 when the crop is the longer and is padded
  int count;
};

// torchvision's center_crop, timm's center_crop_or_pad.
Overlap center(int size, int crop) {
  if (crop > size) return {0, (crop - size) / 2, size};
  return {static_cast<int>(round_half_even((size - crop) / 2.0)), 0, crop};
}

}  // namespace

Transform::Transform(const DataConfig& config) : config_(config) {
  require(config.width >= 1 && config.height >= 1 && config.width <= kMaxInputSide &&
              config.height <= kMaxInputSide,
          "the input size is " + std::to_string(config.width) + "×" + std::to_string(config.height) +
              "; each side must be 1 to " + std::to_string(kMaxInputSide));
  const double scale_width = std::floor(config.width / config.crop_pct);
  const double scale_height = std::floor(config.height / config.crop_pct);
  const auto in_range = [](double side) { return side >= 1 && side <= kMaxImageSide; };  // false for NaN
  require(in_range(scale_width) && in_range(scale_height), "crop_pct must be positive and at most about 1");
  scale_width_ = static_cast<int>(scale_width);
  scale_height_ = static_cast<int>(scale_height);

  for (size_t c = 0; c < 3; ++c) {
    require(std::isfinite(config.mean[c]) && std::isfinite(config.std[c]) && config.std[c] != 0,
            "mean and std must be finite numbers, std not zero");
    for (size_t byte = 0; byte < 256; ++byte) {
      normalized_[c][byte] =
          (static_cast<float>(byte) / 255.0f - float(config.mean[c])) / float(config.std[c]);
    }
  }
}

void Transform::begin(int width, int height, int channels) {
  begun_ = false;
  check_image(width, height, channels);
  const Size resized = resized_size(width, height);
  if (!(std::min(resized.width, resized.height) >= 1) ||
      std::max(resized.width, resized.height) > std::numeric_limits<int>::max()) {
    throw Error(code::kInvalidImage, "an image of " + std::to_string(width) + "×" + std::to_string(height) +
                                         " pixels is too narrow to be resized in its aspect; crop it first");
  }
  const int resized_width = static_cast<int>(resized.width),
            resized_height = static_cast<int>(resized.height);
  const Overlap x = center(resized_width, config_.width), y = center(resized_height, config_.height);

  const double scale_x = width / resized.width, scale_y = height / resized.height;
  source_box_ = {(x.in_image - x.in_crop) * scale_x, (y.in_image - y.in_crop) * scale_y,
                 config_.width * scale_x, config_.height * scale_y};

  const size_t stride = 3 * static_cast<size_t>(config_.width);
  pixels_.resize(stride * static_cast<size_t>(config_.height));
  if (x.count < config_.width || y.count < config_.height) fill_with_padding();
  resampler_.begin(
      width, height, channels, resized_width, resized_height, {x.in_image, y.in_image, x.count, y.count},
      config_.interpolation,
      pixels_.data() + stride * static_cast<size_t>(y.in_crop) + 3 * static_cast<size_t>(x.in_crop), stride);
  begun_ = true;
}

Transform::Size Transform::resized_size(double width, double height) const {
  switch (config_.crop_mode) {
    case CropMode::kSquash:
      return {static_cast<double>(scale_width_), static_cast<double>(scale_height_)};
    case CropMode::kBorder:
      return resize_keep_ratio(width, height, /*fit_inside=*/true);
    case CropMode::kCenter:
      break;
  }
  return scale_width_ == scale_height_ ? resize_shorter_side(width, height)
                                       : resize_keep_ratio(width, height, /*fit_inside=*/false);
}

// torchvision's Resize(int).
Transform::Size Transform::resize_shorter_side(double width, double height) const {
  const double shorter = scale_width_;
  const double longer = std::trunc(shorter * std::max(width, height) / std::min(width, height));
  return width <= height ? Size{shorter, longer} : Size{longer, shorter};
}

// timm's ResizeKeepRatio, with longest = 1 to fit inside the target and 0 to cover it.
Transform::Size Transform::resize_keep_ratio(double width, double height, bool fit_inside) const {
  const double ratio_w = width / scale_width_, ratio_h = height / scale_height_;
  const double ratio = fit_inside ? std::max(ratio_w, ratio_h) : std::min(ratio_w, ratio_h);
  return {round_half_even(width / ratio), round_half_even(height / ratio)};
}

// Black, or the mean color in border mode.
void Transform::fill_with_padding() {
  std::array<uint8_t, 3> fill = {};
  if (config_.crop_mode == CropMode::kBorder) {
    for (size_t c = 0; c < 3; ++c) {
      fill[c] = static_cast<uint8_t>(std::clamp(round_half_even(255.0 * config_.mean[c]), 0.0, 255.0));
    }
  }
  for (size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = fill[i % 3];
}

void Transform::check_begun() const {
  if (!begun_)
    throw Error(code::kInvalidImage, "no image was begun; call begin(width, height, channels) first");
}

Range Transform::needed_rows() const {
  check_begun();
  return resampler_.needed_rows();
}

Range Transform::needed_columns() const {
  check_begun();
  return resampler_.needed_columns();
}

SourceBox Transform::source_box() const {
  check_begun();
  return source_box_;
}

void Transform::push(const uint8_t* rows, int n) {
  check_begun();
  resampler_.push(rows, n);
}

void Transform::finish(float* planes) const {
  check_begun();
  if (!resampler_.done()) {
    throw Error(code::kInvalidImage, "the image ends after row " + std::to_string(resampler_.next_row()) +
                                         " of " + std::to_string(resampler_.needed_rows().last) +
                                         " that are needed");
  }
  const size_t plane = pixels_.size() / 3;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < plane; ++i) planes[c * plane + i] = normalized_[c][pixels_[3 * i + c]];
  }
}

}  // namespace vitreous

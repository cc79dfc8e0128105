#include "recipes/pca.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "recipes/doubles.h"
#include "recipes/eigen.h"
#include "recipes/vectors.h"

namespace vitreous {
namespace {

constexpr size_t kChunk = 64;  // rows whose values are turned to float64 together
constexpr size_t kTile = 8;    // rows of a moment matrix, for each task

std::vector<double> column_means(size_t rows, size_t dim, const float* x) {
  std::vector<double> mean(dim);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t d = 0; d < dim; ++d) mean[d] += x[i * dim + d];
  }
  for (double& value : mean) value /= double(rows);
  return mean;
}

// moments += Σ (x - center)(x - center)ᵀ: (dim, dim), of which the lower half stays as it was
void add_moments(size_t rows, size_t dim, const float* x, const std::vector<double>& center,
                 double* moments) {
  std::vector<double> chunk(kChunk * dim);
  for (size_t first = 0; first < rows; first += kChunk) {
    const size_t count = std::min(kChunk, rows - first);
    for (size_t i = 0; i < count * dim; ++i) chunk[i] = x[first * dim + i] - center[i % dim];
    parallel_for(dim, kTile, [&](size_t row, size_t height) {
      for (size_t i = 0; i < count; ++i) {
        const double* values = chunk.data() + i * dim;
        for (size_t r = row; r < row + height; ++r) {
          add(dim - row, moments + r * dim + row, values[r], values + row);
        }
      }
    });
  }
}

// Σ (x - center)(x - center)ᵀ / divisor: (dim, dim)
std::vector<double> second_moments(size_t rows, size_t dim, const float* x, const std::vector<double>& center,
                                   double divisor) {
  std::vector<double> moments(dim * dim);
  add_moments(rows, dim, x, center, moments.data());
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = i; j < dim; ++j) moments[j * dim + i] = moments[i * dim + j] /= divisor;
  }
  return moments;
}

struct Scale {
  float min = std::numeric_limits<float>::infinity(), max = -min;

  double operator()(float value) const { return max > min ? (double(value) - min) / (double(max) - min) : 0; }
};

Scale scale_of(size_t rows, size_t count, const float* components, size_t component, const uint8_t* mask) {
  Scale scale;
  for (size_t i = 0; i < rows; ++i) {
    if (mask != nullptr && mask[i] == 0) continue;
    scale.min = std::min(scale.min, components[i * count + component]);
    scale.max = std::max(scale.max, components[i * count + component]);
  }
  return scale;
}

}  // namespace

void Projection::apply(size_t rows, const float* x, float* y) const {
  parallel_for(rows, 1, [&](size_t row, size_t) {
    std::vector<double> centered(dim);
    for (size_t d = 0; d < dim; ++d) centered[d] = double(x[row * dim + d]) - mean[d];
    for (size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (size_t d = 0; d < dim; ++d) sum += axes[i * dim + d] * centered[d];
      y[row * count + i] = float(sum);
    }
  });
}

Projection fit_whitening(size_t rows, size_t dim, const float* x, const WhiteningOptions& options) {
  const std::vector<double> mean = column_means(rows, dim, x);
  const std::vector<double>& center = options.centered ? mean : std::vector<double>(dim);
  const size_t count = std::min(options.dim, dim);
  const Eigen eigen = symmetric_eigen(dim, second_moments(rows, dim, x, center, double(rows)), count);
  if (!(eigen.values[0] > 0)) {
    throw Error(code::kInvalidArgument, "The features are all the same: there is nothing to whiten.");
  }
  Projection whitening = {dim, count, {mean.begin(), mean.end()}, std::vector<float>(count * dim)};
  for (size_t i = 0; i < count; ++i) {
    const double value = std::max(eigen.values[i], eigen.values[0] * 1e-5);
    for (size_t d = 0; d < dim; ++d) {
      whitening.axes[i * dim + d] = float(eigen.vectors[i * dim + d] / power(value, options.power));
    }
  }
  return whitening;
}

Projection fit_copy_whitening(size_t rows, size_t dim, const float* x, size_t copies, const float* y,
                              const CopyWhiteningOptions& options) {
  std::vector<float> differences(copies * dim);
  for (size_t i = 0; i < copies * dim; ++i) differences[i] = y[i] - x[i % (rows * dim)];
  const std::vector<double> zero(dim);
  std::vector<double> within = second_moments(copies, dim, differences.data(), zero, double(copies));
  double mean_variance = 0;
  for (size_t d = 0; d < dim; ++d) mean_variance += within[d * dim + d] / double(dim);
  for (double& value : within) value *= 1 - options.shrinkage;
  for (size_t d = 0; d < dim; ++d) within[d * dim + d] += options.shrinkage * mean_variance;
  Eigen edits = symmetric_eigen(dim, std::move(within), dim);
  if (!(edits.values[dim - 1] > 0)) {
    throw Error(
        code::kInvalidArgument,
        "There are directions in which no copy differs from its photo: take more copies, or more shrinkage.");
  }

  // Along these, so scaled, copies differ by as much in every direction.
  for (size_t i = 0; i < dim * dim; ++i) edits.vectors[i] /= std::sqrt(edits.values[i / dim]);
  const std::vector<double> mean = column_means(rows, dim, x);
  const Projection even = {
      dim, dim, {mean.begin(), mean.end()}, {edits.vectors.begin(), edits.vectors.end()}};
  std::vector<float> photos(rows * dim);
  even.apply(rows, x, photos.data());
  const size_t count = std::min(options.dim, dim);
  const Eigen eigen =
      symmetric_eigen(dim, second_moments(rows, dim, photos.data(), zero, double(rows)), count);

  Projection whitening = {dim, count, even.mean, std::vector<float>(count * dim)};
  parallel_for(count, 1, [&](size_t i, size_t) {
    std::vector<double> axis(dim);
    for (size_t d = 0; d < dim; ++d) {
      add(dim, axis.data(), eigen.vectors[i * dim + d], edits.vectors.data() + d * dim);
    }
    make_largest_positive(dim, axis.data());
    std::copy(axis.begin(), axis.end(), whitening.axes.begin() + ptrdiff_t(i * dim));
  });
  return whitening;
}

Components principal_components(size_t rows, size_t dim, const float* x, size_t count, const uint8_t* mask) {
  Components result = {std::vector<float>(rows * count), std::vector<float>(count),
                       std::vector<float>(count)};
  std::vector<float> chosen;
  for (size_t i = 0; i < rows; ++i) {
    if (mask == nullptr || mask[i] != 0) chosen.insert(chosen.end(), x + i * dim, x + (i + 1) * dim);
  }
  const size_t n = chosen.size() / dim;
  if (n < 2) return result;
  const std::vector<double> mean = column_means(n, dim, chosen.data());
  const Eigen eigen = symmetric_eigen(dim, second_moments(n, dim, chosen.data(), mean, double(n - 1)), count);
  double total = 0;
  for (double value : eigen.values) total += value;
  for (size_t i = 0; i < count; ++i) {
    result.variance[i] = float(std::max(eigen.values[i], 0.0));
    result.variance_ratio[i] = total > 0 ? float(std::max(eigen.values[i], 0.0) / total) : 0;
  }
  parallel_for(rows, 1, [&](size_t row, size_t) {
    if (mask != nullptr && mask[row] == 0) return;
    for (size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (size_t d = 0; d < dim; ++d) sum += eigen.vectors[i * dim + d] * (x[row * dim + d] - mean[d]);
      result.values[row * count + i] = float(sum);
    }
  });
  return result;
}

void PrincipalAxes::add(size_t rows, const float* x) {
  if (rows == 0) return;
  if (rows_ == 0) shift_.assign(x, x + dim_);
  for (size_t i = 0; i < rows * dim_; ++i) sums_[i % dim_] += x[i] - shift_[i % dim_];
  add_moments(rows, dim_, x, shift_, moments_.data());
  rows_ += rows;
}

Projection PrincipalAxes::fit(size_t count) const {
  if (rows_ < 2 || count > dim_) {
    throw Error(code::kInvalidArgument, "Principal axes take two vectors at least, of as many dimensions.");
  }
  std::vector<double> covariance(dim_ * dim_);
  for (size_t i = 0; i < dim_; ++i) {
    for (size_t j = i; j < dim_; ++j) {
      const double about_mean = moments_[i * dim_ + j] - sums_[i] * sums_[j] / double(rows_);
      covariance[i * dim_ + j] = covariance[j * dim_ + i] = about_mean / double(rows_ - 1);
    }
  }
  const Eigen eigen = symmetric_eigen(dim_, std::move(covariance), count);
  Projection axes = {dim_, count, std::vector<float>(dim_), {eigen.vectors.begin(), eigen.vectors.end()}};
  for (size_t d = 0; d < dim_; ++d) axes.mean[d] = float(shift_[d] + sums_[d] / double(rows_));
  return axes;
}

std::vector<uint8_t> foreground_mask(size_t rows, size_t count, const float* components, double threshold,
                                     bool above) {
  const Scale scale = scale_of(rows, count, components, 0, nullptr);
  std::vector<uint8_t> mask(rows);
  for (size_t i = 0; i < rows; ++i) {
    const double value = scale(components[i * count]);
    mask[i] = above ? value > threshold : value < threshold;
  }
  return mask;
}

std::vector<uint8_t> component_bytes(size_t rows, size_t count, const float* components,
                                     const uint8_t* mask) {
  std::vector<uint8_t> bytes(rows * count);
  for (size_t component = 0; component < count; ++component) {
    const Scale scale = scale_of(rows, count, components, component, mask);
    for (size_t i = 0; i < rows; ++i) {
      if (mask != nullptr && mask[i] == 0) continue;
      bytes[i * count + component] = uint8_t(std::lround(255 * scale(components[i * count + component])));
    }
  }
  return bytes;
}

}  // namespace vitreous

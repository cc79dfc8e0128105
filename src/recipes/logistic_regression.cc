#include "recipes/logistic_regression.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/thread_pool.h"
#include "model/kernels.h"
#include "model/linear.h"
#include "recipes/doubles.h"

namespace vitreous {
namespace {

constexpr size_t kHistory = 10;
constexpr size_t kMaxTrials = 30;  // of a line search
// So many rows are summed in float32; the sums of the chunks in float64, always in the same order.
constexpr size_t kChunk = 256;
constexpr size_t kPanels = 4;  // of columns, for each task

double dot(const std::vector<double>& x, const std::vector<double>& y) {
  return vitreous::dot(x.size(), x.data(), y.data());
}

void add(std::vector<double>& x, double scale, const std::vector<double>& y) {
  vitreous::add(x.size(), x.data(), scale, y.data());
}

}  // namespace

LogisticRegression::LogisticRegression(size_t rows, size_t dim, const float* x, const int32_t* labels,
                                       size_t classes, double c)
    : rows_(rows),
      dim_(dim),
      classes_(classes),
      chunks_((rows + kChunk - 1) / kChunk),
      // One weight vector w of two classes costs |w|² / 2; split over both, as ±w / 2, it would cost half.
      penalty_((classes == 2 ? 2 : 1) / (c * double(rows))),
      mean_(dim),
      labels_(labels, labels + rows),
      x_(rows * dim),
      packed_x_(chunks_ * GemmKernel::get().packed_size(dim, kChunk)),
      packed_w_(GemmKernel::get().packed_size(classes, dim)),
      residuals_(chunks_ * classes * kChunk),
      at_(classes * (dim + 1)),
      gradient_(at_.size()) {
  for (size_t i = 0; i < rows * dim; ++i) mean_[i % dim] += x[i] / double(rows);
  for (size_t i = 0; i < rows * dim; ++i) x_.data()[i] = float(x[i] - mean_[i % dim]);
  const size_t nr = GemmKernel::get().nr(), panel = GemmKernel::get().panel_size(kChunk);
  const size_t panels = (dim + nr - 1) / nr;
  for (size_t row = 0; row < rows; ++row) {
    float* chunk = packed_x_.data() + row / kChunk * panels * panel;
    for (size_t d = 0; d < dim; ++d) {
      chunk[d / nr * panel + nr + row % kChunk * nr + d % nr] = x_.data()[row * dim + d];
    }
  }
  loss_ = evaluate(at_, gradient_);
}

std::vector<double> LogisticRegression::bias() const {
  Vector bias(at_.end() - long(classes_), at_.end());
  for (size_t i = 0; i < classes_ * dim_; ++i) bias[i / dim_] -= at_[i] * mean_[i % dim_];
  return bias;
}

double LogisticRegression::gradient() const {
  double most = 0;
  for (double g : gradient_) most = std::max(most, std::abs(g));
  return most;
}

bool LogisticRegression::run(size_t iterations, double tolerance) {
  for (size_t i = 0; i < iterations; ++i) {
    if (gradient() <= tolerance || !step()) return false;
  }
  return gradient() > tolerance;
}

double LogisticRegression::evaluate(const Vector& at, Vector& gradient) {
  double loss = residuals(at, gradient);
  weight_gradient(gradient);
  for (size_t i = 0; i < classes_ * dim_; ++i) {
    gradient[i] += penalty_ * at[i];
    loss += penalty_ / 2 * at[i] * at[i];
  }
  return loss;
}

// Fills residuals_ and the bias's part of the gradient; returns the mean loss.
double LogisticRegression::residuals(const Vector& at, Vector& gradient) {
  const GemmKernel& gemm = GemmKernel::get();
  const std::vector<float> w(at.begin(), at.end());
  gemm.pack(classes_, dim_, w.data(), w.data() + classes_ * dim_, packed_w_.data());
  std::vector<double> losses(chunks_), sums(chunks_ * classes_);
  parallel_for(chunks_, 1, [&](size_t chunk, size_t) {
    float* residual = residuals_.data() + chunk * classes_ * kChunk;
    const size_t end = std::min(rows_, (chunk + 1) * kChunk);
    std::vector<float> logits(gemm.mr() * classes_);
    std::vector<double> exps(classes_);
    for (size_t first = chunk * kChunk; first < end; first += gemm.mr()) {
      const size_t height = std::min(gemm.mr(), end - first);
      gemm.run(height, classes_, dim_, x_.data() + first * dim_, dim_, packed_w_.data(), logits.data(),
               classes_);
      for (size_t i = 0; i < height; ++i) {
        const size_t row = first + i, label = size_t(labels_[row]);
        const float* z = logits.data() + i * classes_;
        const double max = *std::max_element(z, z + classes_);
        double sum = 0;
        for (size_t k = 0; k < classes_; ++k) sum += exps[k] = std::exp(z[k] - max);
        losses[chunk] += std::log(sum) + max - z[label];
        for (size_t k = 0; k < classes_; ++k) {
          const double difference = exps[k] / sum - (k == label ? 1 : 0);
          residual[k * kChunk + row % kChunk] = float(difference);
          sums[chunk * classes_ + k] += difference;
        }
      }
    }
  });
  double loss = 0;
  std::fill(gradient.begin() + long(classes_ * dim_), gradient.end(), 0.0);
  for (size_t chunk = 0; chunk < chunks_; ++chunk) {
    loss += losses[chunk];
    for (size_t k = 0; k < classes_; ++k) {
      gradient[classes_ * dim_ + k] += sums[chunk * classes_ + k] / double(rows_);
    }
  }
  return loss / double(rows_);
}

// residualsᵀ · x / rows
void LogisticRegression::weight_gradient(Vector& gradient) const {
  const GemmKernel& gemm = GemmKernel::get();
  const size_t width = kPanels * gemm.nr();
  parallel_for(dim_, width, [&](size_t first, size_t count) {
    std::vector<float> tile(gemm.mr() * width);
    for (size_t k = 0; k < classes_; ++k) std::fill_n(gradient.data() + k * dim_ + first, count, 0.0);
    for (size_t chunk = 0; chunk < chunks_; ++chunk) {
      const float* x = packed_x_.data() + chunk * gemm.packed_size(dim_, kChunk) +
                       first / gemm.nr() * gemm.panel_size(kChunk);
      for (size_t k = 0; k < classes_; k += gemm.mr()) {
        const size_t height = std::min(gemm.mr(), classes_ - k);
        gemm.run(height, count, kChunk, residuals_.data() + (chunk * classes_ + k) * kChunk, kChunk, x,
                 tile.data(), count);
        for (size_t i = 0; i < height; ++i) {
          double* to = gradient.data() + (k + i) * dim_ + first;
          for (size_t d = 0; d < count; ++d) to[d] += double(tile[i * count + d]) / double(rows_);
        }
      }
    }
  });
}

// -H · gradient, H the inverse Hessian as the last steps show it.
LogisticRegression::Vector LogisticRegression::direction() const {
  Vector d = gradient_;
  std::vector<double> parts(history_.size());
  for (size_t i = history_.size(); i-- > 0;) {
    parts[i] = dot(history_[i].moved, d) / history_[i].product;
    add(d, -parts[i], history_[i].turned);
  }
  if (!history_.empty()) {
    const Pair& last = history_.back();
    const double scale = last.product / dot(last.turned, last.turned);
    for (double& value : d) value *= scale;
  }
  for (size_t i = 0; i < history_.size(); ++i) {
    add(d, parts[i] - dot(history_[i].turned, d) / history_[i].product, history_[i].moved);
  }
  for (double& value : d) value = -value;
  return d;
}

// One step of L-BFGS, to a place that meets the weak Wolfe conditions; false when there is none within the
// rounding of the loss.
bool LogisticRegression::step() {
  const Vector d = direction();
  const double slope = dot(gradient_, d);
  // Where the loss is level within its rounding the slope alone decides: Hager & Zhang, A new conjugate
  // gradient method, 2005, the approximate Wolfe conditions.
  const double level = loss_ + 1e-6 * std::max(1.0, loss_);
  double lower = 0, upper = std::numeric_limits<double>::infinity();
  double length = history_.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1;
  Vector there(at_.size()), gradient_there(at_.size());
  for (size_t trial = 0; trial < kMaxTrials && slope < 0; ++trial) {
    there = at_;
    add(there, length, d);
    const double loss = evaluate(there, gradient_there);
    const double slope_there = dot(gradient_there, d);
    const bool lower_loss = loss <= loss_ + 1e-4 * length * slope;
    if (!lower_loss && !(loss <= level && slope_there <= -(1 - 2e-4) * slope)) {
      upper = length;
    } else if (slope_there < 0.9 * slope) {
      lower = length;
    } else {
      Pair pair = {there, gradient_there, 0};
      add(pair.moved, -1, at_);
      add(pair.turned, -1, gradient_);
      pair.product = dot(pair.moved, pair.turned);
      if (pair.product > 0) history_.push_back(std::move(pair));
      if (history_.size() > kHistory) history_.erase(history_.begin());
      at_ = std::move(there);
      gradient_ = std::move(gradient_there);
      loss_ = loss;
      ++iterations_;
      return true;
    }
    length = std::isinf(upper) ? 2 * length : (lower + upper) / 2;
  }
  return false;
}

std::vector<float> logits(const std::vector<float>& x, const std::vector<float>& weight,
                          const std::vector<float>& bias) {
  const size_t dim = weight.size() / bias.size(), rows = x.size() / dim;
  Buffer padded(x.size());
  std::copy(x.begin(), x.end(), padded.data());
  std::vector<float> out(rows * bias.size());
  Linear(dim, bias.size(), weight.data(), bias.data()).run(rows, padded.data(), out.data(), Epilogue::kStore);
  return out;
}

}  // namespace vitreous

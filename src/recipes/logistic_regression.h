// Multinomial logistic regression with an L2 penalty, as scikit-learn's LogisticRegression defines it:
//
//   minimise  mean over rows of -log softmax(W x + b)[label]  +  |W|² / (2 C rows)
//
// The features are centered first: b takes up their mean without a penalty, so the optimum is the same, and
// far fewer steps lead to it. By L-BFGS (Nocedal & Wright, Numerical Optimization, algorithm 7.4). Two
// classes are scikit-learn's binomial case: the difference of the two rows of W is its coef_.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"

namespace vitreous {

class LogisticRegression {
 public:
  // x: (rows, dim); labels: (rows), each 0 … classes - 1. Starts at W = 0, b = 0.
  LogisticRegression(size_t rows, size_t dim, const float* x, const int32_t* labels, size_t classes,
                     double c);

  // So many steps more, or until no component of the gradient is above `tolerance`; false when there is
  // nothing left to gain.
  bool run(size_t iterations, double tolerance);

  size_t iterations() const { return iterations_; }
  double loss() const { return loss_; }
  double gradient() const;                             // the largest component
  const double* weight() const { return at_.data(); }  // (classes, dim)
  std::vector<double> bias() const;                    // (classes)
  size_t classes() const { return classes_; }
  size_t dim() const { return dim_; }

 private:
  using Vector = std::vector<double>;  // W (classes, dim), then b (classes)

  double evaluate(const Vector& at, Vector& gradient);
  double residuals(const Vector& at, Vector& gradient);
  void weight_gradient(Vector& gradient) const;
  Vector direction() const;
  bool step();

  size_t rows_, dim_, classes_, chunks_;
  double penalty_;
  std::vector<double> mean_;  // of the features, (dim)
  std::vector<int32_t> labels_;
  Buffer x_;         // (rows, dim), centered
  Buffer packed_x_;  // each chunk's transpose, packed for the kernel
  Buffer packed_w_;
  Buffer residuals_;  // (chunks, classes, kChunk): probability - truth

  Vector at_, gradient_;
  double loss_;
  size_t iterations_ = 0;
  struct Pair {
    Vector moved, turned;  // differences of places and of gradients
    double product;
  };
  std::vector<Pair> history_;  // the oldest first
};

// x: (rows, dim), weight: (classes, dim), bias: (classes) → (rows, classes): x · weightᵀ + bias
std::vector<float> logits(const std::vector<float>& x, const std::vector<float>& weight,
                          const std::vector<float>& bias);

}  // namespace vitreous

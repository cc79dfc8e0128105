// Principal components and the like, of descriptors to whiten them and of patch tokens to look at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitreous {

// y = axes · (x - mean)
struct Projection {
  size_t dim = 0, count = 0;
  std::vector<float> mean;  // (dim)
  std::vector<float> axes;  // (count, dim)

  // x: (rows, dim) → y: (rows, count)
  void apply(size_t rows, const float* x, float* y) const;
};

struct WhiteningOptions {
  size_t dim = 256;
  double power = 0.5;
  bool centered = false;  // the moments about the mean, not about zero
};

// facebookresearch/dino utils.py, PCA, fitted as eval_copy_detection.py does: axes are eigenvectors of the
// second moments, divided by their eigenvalue to the `power`. x: (rows, dim)
Projection fit_whitening(size_t rows, size_t dim, const float* x, const WhiteningOptions& options);

struct CopyWhiteningOptions {
  size_t dim = 256;
  double shrinkage = 0.01;  // as scikit-learn's LinearDiscriminantAnalysis: that much of the mean variance
};

// Axes along which photos differ most, measured by how copies differ from their photo: as scipy.linalg.eigh
// of the photos' covariance and of the shrunk second moments of the differences; Mikolajczyk & Matas,
// Improving Descriptors for Fast Tree Matching by Optimal Linear Projection, ICCV 2007. x: (rows, dim); y:
// (copies, dim), of which row i is a copy of row i % rows of x
Projection fit_copy_whitening(size_t rows, size_t dim, const float* x, size_t copies, const float* y,
                              const CopyWhiteningOptions& options);

struct Components {
  std::vector<float> values;          // (rows, count)
  std::vector<float> variance;        // (count), as sklearn.decomposition.PCA's explained_variance_
  std::vector<float> variance_ratio;  // (count)
};

// As sklearn.decomposition.PCA.fit_transform of those rows of x, (rows, dim), that `mask` has; without one,
// of all. The others' values are 0.
Components principal_components(size_t rows, size_t dim, const float* x, size_t count,
                                const uint8_t* mask = nullptr);

// As sklearn.decomposition.PCA's components_ of more rows than fit in memory, in pieces.
class PrincipalAxes {
 public:
  explicit PrincipalAxes(size_t dim) : dim_(dim), sums_(dim), moments_(dim * dim) {}

  // x: (rows, dim)
  void add(size_t rows, const float* x);
  // The first `count` axes. Throws INVALID_ARGUMENT for less than two rows, or more axes than dim.
  Projection fit(size_t count) const;

 private:
  size_t dim_, rows_ = 0;
  // About the first row, which is near the mean of embeddings: about zero, digits would cancel.
  std::vector<double> shift_, sums_, moments_;
};

// 1 where the first of `count` components, scaled to 0 … 1, is above the threshold (or, not `above`, below).
std::vector<uint8_t> foreground_mask(size_t rows, size_t count, const float* components, double threshold,
                                     bool above);

// components: (rows, count) → bytes: each component scaled to 0 … 255 over the rows of the mask, 0 elsewhere.
std::vector<uint8_t> component_bytes(size_t rows, size_t count, const float* components,
                                     const uint8_t* mask = nullptr);

}  // namespace vitreous

// Eigenvalues and eigenvectors of a symmetric matrix, as numpy.linalg.eigh, in float64.
#pragma once

#include <cstddef>
#include <vector>

namespace vitreous {

struct Eigen {
  std::vector<double> values;  // all n, the largest first
  std::vector<double>
      vectors;  // (count, n): those of the first `count`, of length 1, the largest component > 0
};

// a: (n, n). Householder tridiagonalisation, then implicit QR steps with Wilkinson's shift: Golub & Van Loan,
// Matrix Computations, 8.3.
Eigen symmetric_eigen(size_t n, std::vector<double> a, size_t count);

// Turns x around unless its largest component is > 0: which of the two an eigenvector is, is arbitrary.
void make_largest_positive(size_t n, double* x);

}  // namespace vitreous

#include "recipes/eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/thread_pool.h"
#include "recipes/doubles.h"
#include "recipes/ranking.h"

namespace vitreous {
namespace {

constexpr size_t kRows = 16;          // of a matrix, for each task
constexpr size_t kColumns = 64;       // so many columns of all rows stay in cache
constexpr size_t kWaiting = 1 << 16;  // rotations that are kept before they are applied

// A = H T Hᵀ, T tridiagonal and H the product of reflections 1 - scale · v vᵀ.
struct Tridiagonal {
  std::vector<double> diagonal, off;  // T: (n), (n - 1)
  std::vector<double> scales;         // v of reflection k is in row k of `a`, from column k + 1
};

Tridiagonal tridiagonalize(size_t n, std::vector<double>& a) {
  Tridiagonal t = {std::vector<double>(n), std::vector<double>(n - 1), std::vector<double>(n)};
  std::vector<double> w(n);
  for (size_t k = 0; k + 1 < n; ++k) {
    t.diagonal[k] = a[k * n + k];
    double* v = a.data() + k * n + k + 1;
    const size_t m = n - k - 1;
    const double norm = std::sqrt(dot(m, v, v));
    t.off[k] = v[0] > 0 ? -norm : norm;
    v[0] -= t.off[k];
    const double squares = dot(m, v, v);
    if (squares == 0) continue;
    const double scale = t.scales[k] = 2 / squares;
    // The rest of A becomes A - v wᵀ - w vᵀ.
    double* rest = a.data() + (k + 1) * n + k + 1;
    parallel_for(m, kRows, [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) w[i] = scale * dot(m, rest + i * n, v);
    });
    const double half = scale / 2 * dot(m, w.data(), v);
    for (size_t i = 0; i < m; ++i) w[i] -= half * v[i];
    parallel_for(m, kRows, [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) {
        add(m, rest + i * n, -v[i], w.data());
        add(m, rest + i * n, -w[i], v);
      }
    });
  }
  t.diagonal[n - 1] = a[n * n - 1];
  return t;
}

// Rotations of rows k and k + 1 of a matrix that starts as the identity. They are applied later and block by
// block: each would pass through all of the memory.
class Rotations {
 public:
  explicit Rotations(size_t n) : n_(n), matrix_(n * n) {
    for (size_t i = 0; i < n; ++i) matrix_[i * n + i] = 1;
  }

  void push(size_t k, double c, double s) {
    waiting_.push_back({k, c, s});
    if (waiting_.size() == kWaiting) apply();
  }
  const std::vector<double>& finish() {
    apply();
    return matrix_;
  }

 private:
  struct Rotation {
    size_t row;
    double c, s;
  };

  void apply() {
    parallel_for(n_, kColumns, [&](size_t first, size_t count) {
      for (const auto& [row, c, s] : waiting_) {
        double* x = matrix_.data() + row * n_ + first;
        rotate(count, x, x + n_, c, s);
      }
    });
    waiting_.clear();
  }

  size_t n_;
  std::vector<double> matrix_;
  std::vector<Rotation> waiting_;
};

// The eigenvalue of the last 2 × 2 block that is nearer to its last entry.
double wilkinson_shift(double above, double off, double last) {
  const double half = (above - last) / 2;
  const double root = std::hypot(half, off);
  return last - off * off / (half + (half < 0 ? -root : root));
}

// One QR step on first … last: the rotations chase a bulge down the diagonal.
void qr_step(size_t first, size_t last, std::vector<double>& d, std::vector<double>& e,
             Rotations& rotations) {
  double x = d[first] - wilkinson_shift(d[last - 1], e[last - 1], d[last]);
  double bulge = e[first];
  for (size_t k = first; k < last; ++k) {
    const double r = std::hypot(x, bulge);
    const double c = r == 0 ? 1 : x / r, s = r == 0 ? 0 : bulge / r;
    if (k > first) e[k - 1] = r;
    const double dk = d[k], ek = e[k], next = d[k + 1];
    d[k] = c * c * dk + 2 * c * s * ek + s * s * next;
    d[k + 1] = s * s * dk - 2 * c * s * ek + c * c * next;
    e[k] = (c - s) * (c + s) * ek + c * s * (next - dk);
    if (k + 1 < last) {
      bulge = s * e[k + 1];
      e[k + 1] *= c;
      x = e[k];
    }
    rotations.push(k, c, s);
  }
}

}  // namespace

void make_largest_positive(size_t n, double* x) {
  const double largest =
      *std::max_element(x, x + n, [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (largest < 0) std::transform(x, x + n, x, std::negate<>());
}

Eigen symmetric_eigen(size_t n, std::vector<double> a, size_t count) {
  Tridiagonal t = tridiagonalize(n, a);
  Rotations rotations(n);
  std::vector<double>&d = t.diagonal, &e = t.off;
  const auto negligible = [&](size_t i) {
    return std::abs(e[i]) <= std::numeric_limits<double>::epsilon() * (std::abs(d[i]) + std::abs(d[i + 1]));
  };
  size_t steps = 0;
  for (size_t last = n - 1; last > 0;) {
    if (negligible(last - 1)) {
      --last;
      continue;
    }
    size_t first = last - 1;
    while (first > 0 && !negligible(first - 1)) --first;
    if (++steps > 30 * n)
      throw Error(code::kInvalidArgument, "The eigenvalues cannot be found: are all values finite?");
    qr_step(first, last, d, e, rotations);
  }

  const std::vector<size_t> order = largest_first(d);
  Eigen result = {std::vector<double>(n), std::vector<double>(count * n)};
  const std::vector<double>& rotated = rotations.finish();
  for (size_t i = 0; i < n; ++i) result.values[i] = d[order[i]];
  parallel_for(count, 1, [&](size_t i, size_t) {
    double* vector = result.vectors.data() + i * n;
    std::copy_n(rotated.data() + order[i] * n, n, vector);
    for (size_t k = n - 1; k-- > 0;) {
      const double* v = a.data() + k * n + k + 1;
      const size_t m = n - k - 1;
      add(m, vector + k + 1, -t.scales[k] * dot(m, v, vector + k + 1), v);
    }
    make_largest_positive(n, vector);
  });
  return result;
}

}  // namespace vitreous

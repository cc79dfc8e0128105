#include "model/gelu.h"

#include <bit>

#include "base/simd.h"

namespace vitreous {
namespace {

// Φ(x) = 1/2 + x · P(x²) / Q(x²) for |x| ≤ 5.4, where 1 - Φ is below float's resolution: a minimax fit of
// erf(x / √2) / 2x (tests/oracle/fit_gelu.py), off by less than 2e-8.
// XNNPACK's kernel has a rational function of higher degree and takes longer.
constexpr float kLimit = 5.4f;
constexpr float kP[] = {0.3989420533180237f,    0.03449159115552902f,   0.00472235819324851f,
                        0.0001762584288371727f, 6.490065970865544e-06f, 2.2775761721050003e-08f};
constexpr float kQ[] = {1.0f,
                        0.25312188267707825f,
                        0.029027586802840233f,
                        0.0019254537764936686f,
                        7.650621409993619e-05f,
                        1.2086029528290965e-06f};

typedef int I32x4 __attribute__((vector_size(16)));

// exp(x) for -87 ≤ x ≤ 0: 2^whole · 2^rest, the second by its series, whose next term is below float's
// resolution.
F32x4 exp_of_negative(F32x4 x) {
  constexpr float kSeries[] = {1.0f,           0.693147181f,   0.240226507f,    0.0555041087f,
                               0.00961812911f, 0.00133335581f, 0.000154035304f, 0.0000152527338f};
  constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number
  const F32x4 log2 = x * splat(1.44269504f);
  const F32x4 whole = (log2 + splat(kRound)) - splat(kRound), rest = log2 - whole;
  F32x4 power = splat(kSeries[7]);
  for (int k = 6; k >= 0; --k) power = madd(power, rest, splat(kSeries[k]));
  const I32x4 exponent = (__builtin_convertvector(whole, I32x4) + 127) << 23;
  return power * std::bit_cast<F32x4>(exponent);
}

}  // namespace

void gelu(size_t n, float* x) {
  for (size_t i = 0; i < n; i += 4) {
    const F32x4 v = load(x + i);
    const F32x4 clamped = min(max(v, splat(-kLimit)), splat(kLimit));
    const F32x4 t = clamped * clamped;
    F32x4 p = splat(kP[5]), q = splat(kQ[5]);
    for (int k = 4; k >= 0; --k) {
      p = madd(p, t, splat(kP[k]));
      q = madd(q, t, splat(kQ[k]));
    }
    store(x + i, v * madd(clamped, p / q, splat(0.5f)));
  }
}

void quick_gelu(size_t n, float* x) {
  const F32x4 zero = splat(0.0f), one = splat(1.0f);
  for (size_t i = 0; i < n; i += 4) {
    const F32x4 v = load(x + i), z = splat(1.702f) * v;
    const F32x4 e = exp_of_negative(max(min(z, zero - z), splat(-87.0f)));
    store(x + i, v * (z < zero ? e : one) / (one + e));
  }
}

}  // namespace vitreous

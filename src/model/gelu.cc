#include "model/gelu.h"

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

}  // namespace vitreous

#pragma once

#include <cstddef>

namespace vitreous {

// torch.nn.functional.gelu, the exact one: x · Φ(x), in place. n: a multiple of 4. Within 2e-6 of the true
// value for |x| ≤ 8, which is rounding; the tanh approximation is off by up to 5e-4.
void gelu(size_t n, float* x);

// OpenAI CLIP's QuickGELU: x · σ(1.702 x), in place. n: a multiple of 4. Within 1e-6 of the true value for
// |x| ≤ 8.
void quick_gelu(size_t n, float* x);

}  // namespace vitreous

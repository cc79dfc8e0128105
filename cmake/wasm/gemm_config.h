// Included before XNNPACK's gemm-config.c. Its SIMD128 build asks JavaScript for the number of cores, and
// takes more than four as a sign of a CPU with AVX, where a load with broadcast is the faster kernel. That
// question would be the one thing in which the glue of the variants differs; the answer "yes" is right for
// the x86 CPUs of the last decade, and both kernels give the same sums.
#pragma once

#include <emscripten.h>

#undef EM_JS
#define EM_JS(type, name, parameters, ...) \
  static type name parameters { return 8; }

// The configuration names the kernels of convolutions (igemm) beside those of products; without the names the
// linker drops them.
#include "xnnpack/config.h"
#define xnn_init_hmp_igemm_ukernel(function) ((struct xnn_hmp_igemm_ukernel){0})

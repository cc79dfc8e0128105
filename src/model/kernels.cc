#include "model/kernels.h"

#include <xnnpack.h>
#include <xnnpack/config.h>
#include <xnnpack/gemm.h>
#include <xnnpack/microparams.h>

#include <cmath>

#include "base/error.h"

namespace vitreous {
namespace {

template <typename Config>
const Config& available(const Config* config) {
  // Only a CPU without SSE2 or SIMD128 has none, and this program would not run there.
  if (config == nullptr) throw Error(code::kInternal, "XNNPACK knows no kernels for this CPU.");
  return *config;
}

const xnn_gemm_config& gemm_config() {
  static const xnn_gemm_config& config = available(xnn_init_f32_gemm_config());
  return config;
}

struct Chosen {
  size_t mr;
  xnn_gemm_ukernel_fn several_rows, one_row;
};

Chosen choose() {
  const xnn_gemm_config& config = gemm_config();
  // Kernels that clamp their results, where XNNPACK has none that do not.
  const bool linear = config.linear.gemm[0].function[0] != nullptr;
  const auto& kernels = linear ? config.linear.gemm : config.minmax.gemm;
  Chosen chosen = {config.mr, kernels[config.mr - 1].function[0], kernels[0].function[0]};
#if defined(__wasm_simd128__)
  // On x86 XNNPACK takes tiles of 4 × 8. Their eight sums are only just as many as there are additions under
  // way at once, so each delay is felt; with the twelve of 6 × 8 it is not. On ARM XNNPACK takes larger tiles
  // itself.
  if (config.mr == 4 && config.nr == 8) {
    chosen.mr = 6;
#if defined(__wasm_relaxed_simd__)
    chosen.several_rows =
        reinterpret_cast<xnn_gemm_ukernel_fn>(xnn_f32_gemm_ukernel_6x8__wasmrelaxedsimd_fma_loadsplat);
#else
    chosen.several_rows = reinterpret_cast<xnn_gemm_ukernel_fn>(xnn_f32_gemm_ukernel_6x8__wasmsimd_loadsplat);
#endif
  }
#endif
  return chosen;
}

const Chosen& kernels() {
  static const Chosen chosen = choose();
  return chosen;
}

}  // namespace

GemmKernel::GemmKernel() : mr_(kernels().mr), nr_(gemm_config().nr) {}

const GemmKernel& GemmKernel::get() {
  static const GemmKernel kernel;
  return kernel;
}

void GemmKernel::run(size_t rows, size_t cols, size_t k, const float* a, size_t a_stride, const float* packed,
                     float* c, size_t c_stride) const {
  static const xnn_f32_minmax_params no_limits = {{-INFINITY, INFINITY}};
  const xnn_gemm_ukernel_fn kernel = rows == 1 ? kernels().one_row : kernels().several_rows;
  kernel(rows, cols, k * sizeof(float), a, a_stride * sizeof(float), packed, c, c_stride * sizeof(float),
         nr_ * sizeof(float), &no_limits);
}

void GemmKernel::pack(size_t cols, size_t k, const float* weight, const float* bias, float* packed) const {
  const size_t kr = size_t{1} << gemm_config().log2_kr, sr = size_t{1} << gemm_config().log2_sr;
  gemm_config().pack_gemm_goi(1, cols, k, nr_, kr, sr, weight, bias, nullptr, packed, 0, nullptr);
}

void GemmKernel::unpack(size_t cols, size_t k, const float* packed, float* weight, float* bias) const {
  for (size_t col = 0; col < cols; ++col) {
    const float* panel = packed + col / nr_ * panel_size(k) + col % nr_;
    bias[col] = panel[0];
    for (size_t i = 0; i < k; ++i) weight[col * k + i] = panel[(i + 1) * nr_];
  }
}

float row_max(size_t n, const float* x) {
  static const auto kernel = available(xnn_init_f32_rmax_config()).ukernel;
  float max;
  kernel(n * sizeof(float), x, &max, nullptr);
  return max;
}

float row_exp(size_t n, float* x, float max) {
  static const auto kernel = available(xnn_init_f32_raddstoreexpminusmax_config()).ukernel;
  float sum;
  kernel(n * sizeof(float), x, &max, x, &sum, nullptr);
  return sum;
}

void add(size_t n, float* x, const float* y) {
  static const auto kernel = available(xnn_init_f32_vadd_config()).op_ukernel;
  kernel(n * sizeof(float), x, y, x, nullptr);
}

}  // namespace vitreous

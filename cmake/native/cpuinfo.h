// What XNNPACK asks of the cpuinfo library on x86-64, answered by the compiler's own CPU detection. Native
// builds are for tests only, so this spares them a third-party source; the wasm builds never see it.
#pragma once

#include <stdbool.h>

enum cpuinfo_uarch { cpuinfo_uarch_unknown, cpuinfo_uarch_zen, cpuinfo_uarch_dhyana, cpuinfo_uarch_zen4 };
struct cpuinfo_core {
  enum cpuinfo_uarch uarch;
};

static inline bool cpuinfo_initialize(void) {
  __builtin_cpu_init();
  return true;
}
static inline const struct cpuinfo_core* cpuinfo_get_core(unsigned index) {
  static const struct cpuinfo_core core = {cpuinfo_uarch_unknown};
  (void)index;
  return &core;
}
static inline bool cpuinfo_has_x86_ssse3(void) { return __builtin_cpu_supports("ssse3"); }
static inline bool cpuinfo_has_x86_sse4_1(void) { return __builtin_cpu_supports("sse4.1"); }
static inline bool cpuinfo_has_x86_avx(void) { return __builtin_cpu_supports("avx"); }
static inline bool cpuinfo_has_x86_fma3(void) { return __builtin_cpu_supports("fma"); }
static inline bool cpuinfo_has_x86_avx2(void) { return __builtin_cpu_supports("avx2"); }
// Every CPU with AVX2 has it, and older compilers cannot be asked.
static inline bool cpuinfo_has_x86_f16c(void) { return __builtin_cpu_supports("avx2"); }

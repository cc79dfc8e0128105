// The most that WebAssembly gives on this machine: arithmetic on independent accumulators that never leave
// the registers, and a sum over memory that no cache holds. Built twice, with and without relaxed SIMD.
#include <wasm_simd128.h>

#include <cstdint>

#define EXPORT(name) __attribute__((export_name(#name), noinline))

namespace {

// Operands that neither compiler can see through: it would move products of constants out of the loop.
volatile float tiny_float = 1e-7f;
volatile int32_t some_bits = 0x01020304;

// Runs `step` n times on each of so many chains; the result depends on all of them.
template <int kChains, typename Step>
int32_t run_chains(int n, v128_t start, Step step) {
  v128_t chain[kChains];
  for (auto& value : chain) value = start;
  for (int i = 0; i < n; ++i) {
    for (auto& value : chain) value = step(value);
  }
  v128_t sum = chain[0];
  for (int j = 1; j < kChains; ++j) sum = wasm_i32x4_add(sum, chain[j]);
  return wasm_i32x4_extract_lane(sum, 0);
}

// Chains must be enough to cover an instruction's latency: 12 are, and fit the 16 vector registers of x86;
// processors that start four vector instructions at once have 32 registers and need 24.
template <typename Step>
int32_t run(int n, int chains, v128_t start, Step step) {
  return chains == 12 ? run_chains<12>(n, start, step) : run_chains<24>(n, start, step);
}

alignas(16) v128_t memory[(256 << 20) / sizeof(v128_t)];
constexpr int kVectors = sizeof(memory) / sizeof(v128_t);

}  // namespace

extern "C" {

// 8 floating-point operations a step of each chain.
EXPORT(mul_add) int32_t mul_add(int n, int chains) {
  const v128_t x = wasm_f32x4_splat(tiny_float);
  return run(n, chains, x, [x](v128_t a) { return wasm_f32x4_add(a, wasm_f32x4_mul(x, a)); });
}

// 16 integer operations a step of each chain: 8 products of 16 bits, 8 additions.
EXPORT(dot_i16x8) int32_t dot_i16x8(int n, int chains) {
  const v128_t y = wasm_i32x4_splat(some_bits);
  return run(n, chains, y, [y](v128_t a) { return wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(a, y)); });
}

#if defined(__wasm_relaxed_simd__)
// 8 floating-point operations a step of each chain.
EXPORT(relaxed_madd) int32_t relaxed_madd(int n, int chains) {
  const v128_t x = wasm_f32x4_splat(tiny_float);
  return run(n, chains, x, [x](v128_t a) { return wasm_f32x4_relaxed_madd(x, x, a); });
}

// 32 integer operations a step of each chain: 16 products of 8 bits, 16 additions.
EXPORT(relaxed_dot) int32_t relaxed_dot(int n, int chains) {
  const v128_t y = wasm_i32x4_splat(some_bits);
  return run(n, chains, y, [y](v128_t a) { return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, y, a); });
}
#endif

// Touches the memory: pages that were never written share one page of zeros, which the cache holds.
EXPORT(fill) void fill() {
  for (int i = 0; i < kVectors; ++i) memory[i] = wasm_i32x4_splat(i);
}

EXPORT(sum_bytes) int sum_bytes() { return sizeof(memory); }

// Reads sum_bytes() bytes, in four streams: a processor that waits where one crosses a page goes on with
// another.
EXPORT(sum) int32_t sum() {
  constexpr int kStreams = 4, kPart = kVectors / kStreams;
  v128_t sums[kStreams][2] = {};
  for (int i = 0; i < kPart; i += 2) {
    for (int stream = 0; stream < kStreams; ++stream) {
      for (int j = 0; j < 2; ++j) {
        sums[stream][j] = wasm_i32x4_add(sums[stream][j], memory[stream * kPart + i + j]);
      }
    }
  }
  v128_t all = {};
  for (const auto& two : sums) all = wasm_i32x4_add(all, wasm_i32x4_add(two[0], two[1]));
  return wasm_i32x4_extract_lane(all, 0);
}

}  // extern "C"

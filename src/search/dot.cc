#include "search/dot.h"

#include <bit>
#include <cstring>

#include "base/simd.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace vitreous {

void dot_rows(size_t n, const float* query, const float* const rows[kRowsAtOnce], float* sums) {
  F32x4 acc[kRowsAtOnce][2] = {};  // independent chains hide the latency of an addition
  const auto add = [&](size_t k, size_t chain) {
    const F32x4 q = load(query + k);
    for (size_t i = 0; i < kRowsAtOnce; ++i) acc[i][chain] = madd(load(rows[i] + k), q, acc[i][chain]);
  };
  size_t k = 0;
  for (; k + 8 <= n; k += 8) {
    add(k, 0);
    add(k + 4, 1);
  }
  if (k < n) add(k, 0);
  for (size_t i = 0; i < kRowsAtOnce; ++i) sums[i] = reduce_add(acc[i][0] + acc[i][1]);
}

#if defined(__wasm_simd128__)

namespace {

int32_t reduce(v128_t v) {
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1);
}

// Sixteen products, added up in fours.
v128_t dot(const QueryValue* query, const int8_t* row) {
#if defined(__wasm_relaxed_simd__)
  return wasm_i32x4_extadd_pairwise_i16x8(
      wasm_i16x8_relaxed_dot_i8x16_i7x16(wasm_v128_load(row), wasm_v128_load(query)));
#else
  return wasm_i32x4_add(wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(row), wasm_v128_load(query)),
                        wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(row + 8), wasm_v128_load(query + 8)));
#endif
}

}  // namespace

void dot_rows(size_t n, const QueryValue* query, const int8_t* const rows[kRowsAtOnce], int32_t* sums) {
  v128_t acc[kRowsAtOnce] = {};
  for (size_t k = 0; k < n; k += 16) {
    for (size_t i = 0; i < kRowsAtOnce; ++i) acc[i] = wasm_i32x4_add(acc[i], dot(query + k, rows[i] + k));
  }
  for (size_t i = 0; i < kRowsAtOnce; ++i) sums[i] = reduce(acc[i]);
}

void hamming_rows(size_t n, const uint8_t* query, const uint8_t* const rows[kRowsAtOnce], int32_t* counts) {
  v128_t acc[kRowsAtOnce] = {};
  for (size_t k = 0; k < n; k += 16) {
    const v128_t q = wasm_v128_load(query + k);
    for (size_t i = 0; i < kRowsAtOnce; ++i) {
      const v128_t ones = wasm_i8x16_popcnt(wasm_v128_xor(q, wasm_v128_load(rows[i] + k)));
      acc[i] =
          wasm_i32x4_add(acc[i], wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(ones)));
    }
  }
  for (size_t i = 0; i < kRowsAtOnce; ++i) counts[i] = reduce(acc[i]);
}

#else

void dot_rows(size_t n, const QueryValue* query, const int8_t* const rows[kRowsAtOnce], int32_t* sums) {
  for (size_t i = 0; i < kRowsAtOnce; ++i) {
    sums[i] = 0;
    for (size_t k = 0; k < n; ++k) sums[i] += query[k] * rows[i][k];
  }
}

void hamming_rows(size_t n, const uint8_t* query, const uint8_t* const rows[kRowsAtOnce], int32_t* counts) {
  for (size_t i = 0; i < kRowsAtOnce; ++i) {
    counts[i] = 0;
    for (size_t k = 0; k < n; ++k) counts[i] += std::popcount(uint8_t(query[k] ^ rows[i][k]));
  }
}

#endif

Products dot_double(size_t n, const float* x, const double* y) {
  Products sum = {0, 0};
  for (size_t i = 0; i < n; ++i) {
    sum.xy += double(x[i]) * y[i];
    sum.xx += double(x[i]) * double(x[i]);
  }
  return sum;
}

}  // namespace vitreous

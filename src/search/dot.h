// Products of a query with four rows in a call: what a scan spends its time in. Four streams of memory are
// read side by side, for which rows should be far apart: processors fetch ahead in each stream, and wait
// where one crosses a page. Each sum is made in the same order whatever the other three rows are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitreous {

constexpr size_t kRowsAtOnce = 4;

// n: a multiple of 4
void dot_rows(size_t n, const float* query, const float* const rows[kRowsAtOnce], float* sums);

// What a sum of dot_rows is off by at most, relative to the product of the norms: a chain of additions for
// each of 8 lanes, the additions of the lanes, and the rounding of the operands. (Higham, Accuracy and
// Stability, 3.1)
constexpr float dot_error(size_t n) { return (float(n) / 8 + 12) * 0x1p-24f; }

// A query for int8 rows: q = round(63 x / max |x|), and where there is relaxed SIMD q + 64: positive numbers
// of 7 bits are what i16x8.relaxed_dot_i8x16_i7x16 takes, and two products with values of a row fit its 16
// bits.
constexpr int kQueryMax = 63;
#if defined(__wasm_relaxed_simd__)
typedef uint8_t QueryValue;
constexpr int32_t kQueryOffset = 64;
#else
typedef int16_t QueryValue;
constexpr int32_t kQueryOffset = 0;
#endif

// Exact: Σ (q + kQueryOffset) · x. n: a multiple of 16
void dot_rows(size_t n, const QueryValue* query, const int8_t* const rows[kRowsAtOnce], int32_t* sums);

// How many bits differ. n: bytes, a multiple of 16
void hamming_rows(size_t n, const uint8_t* query, const uint8_t* const rows[kRowsAtOnce], int32_t* counts);

// In double precision: x · y and x · x.
struct Products {
  double xy, xx;
};
Products dot_double(size_t n, const float* x, const double* y);

}  // namespace vitreous

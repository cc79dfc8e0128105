// Products of a query with four rows in a call: what a scan spends its time in. Each sum is made in the same
// order whatever the other three rows are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/int8_kernel.h"

namespace vitreous {

constexpr size_t kRowsAtOnce = 4;

// n: a multiple of 4
void dot_rows(size_t n, const float* query, const float* const rows[kRowsAtOnce], float* sums);

// What a sum of dot_rows is off by at most, relative to the product of the norms: a chain of additions for
// each of 32 lanes, the additions of the lanes, and the rounding of the operands. (Higham, Accuracy and
// Stability, 3.1)
constexpr float dot_error(size_t n) { return (float(n) / 32 + 12) * 0x1p-24f; }

// Exact. n: a multiple of 16; query: n values in `form`; row_sums: of each row's values.
void dot_rows(ActivationForm form, size_t n, const int16_t* query, const int8_t* const rows[kRowsAtOnce],
              const int32_t* row_sums, int32_t* sums);

// How many bits differ. n: bytes, a multiple of 16
void hamming_rows(size_t n, const uint8_t* query, const uint8_t* const rows[kRowsAtOnce], int32_t* counts);

// In double precision: x · y and x · x.
struct Products {
  double xy, xx;
};
Products dot_double(size_t n, const float* x, const double* y);

}  // namespace vitreous

// Integer products of 12-bit activations and 8-bit weights: the two kernels of Int8Linear. Both give the
// exact sums (|sum| ≤ 127 · 2047 · in < 2³¹ up to in = 8260): which of them runs shows in the time only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitreous {

constexpr size_t kPanelColumns = 8;  // output channels that are packed and multiplied together
constexpr size_t kTileRows = 6;      // rows whose sums are in registers together

// How a row of 12-bit activations lies in memory, two bytes each, and with it the kernel that multiplies it.
enum class ActivationForm {
  // q as int16, for SIMD128's i32x4.dot_i16x8.
  kWords,
  // q + 2048 = 64 · high + low: a byte for every high half, then one for every low half, for relaxed SIMD's
  // i32x4.relaxed_dot_i8x16_i7x16_add. Σ w·q = 64 · Σ w·high + Σ w·low - 2048 · Σ w. Halves of 6 bits keep
  // clear of everything that the relaxed instruction leaves open: the sign of the second operand, 16-bit
  // steps that saturate. Two products of bytes make one of 12 bits: the faster way where such a product is a
  // single CPU instruction (1.4 times on x86 with AVX-VNNI), far slower where it is three (0.4 without).
  kHalves,
};

// The form that is faster on this machine: measured once, in a few milliseconds, when first asked for.
ActivationForm fastest_form();

// Values of a row or column of `in`, padded: both kernels take eight at a time.
constexpr size_t padded_depth(size_t in) { return (in + 7) / 8 * 8; }

// Bytes of the weights of a panel.
constexpr size_t panel_bytes(size_t depth) { return depth * kPanelColumns; }

// One column of weights, q: (depth), into its place in a panel: [depth / 4][kPanelColumns][4].
void pack_column(const int8_t* q, size_t depth, size_t column, int8_t* panel);

// sums: (rows, kPanelColumns) = x · panel, with rows a multiple of kTileRows.
//   x: (rows, depth) in `form`, depth a padded_depth()
//   column_sums: (kPanelColumns), the sum of each column's weights
void multiply_panel(ActivationForm form, size_t rows, size_t depth, const int16_t* x, const int8_t* panel,
                    const int32_t* column_sums, int32_t* sums);

}  // namespace vitreous

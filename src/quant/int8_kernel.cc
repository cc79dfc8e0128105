#include "quant/int8_kernel.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/clock.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace vitreous {

void pack_column(const int8_t* q, size_t depth, size_t column, int8_t* panel) {
  for (size_t k = 0; k < depth; k += 4) std::memcpy(panel + k * kPanelColumns + column * 4, q + k, 4);
}

namespace {

#if defined(__wasm_simd128__)

// Depth that is multiplied at once by words: its widened weights take 12 KB of the stack, and of the
// first-level cache.
constexpr size_t kDepthAtOnce = 768;

// Widens a panel's weights to int16 pairs, [depth / 2][kPanelColumns][2]. Once for all rows: widening them in
// the inner loop costs a tenth of it.
void widen(size_t depth, const int8_t* panel, int16_t* wide) {
  for (size_t k = 0; k < depth; k += 4, panel += 32, wide += 32) {
    for (size_t half = 0; half < 2; ++half) {  // of the columns
      const v128_t w = wasm_v128_load(panel + 16 * half);
      const v128_t columns01 = wasm_i16x8_extend_low_i8x16(w), columns23 = wasm_i16x8_extend_high_i8x16(w);
      wasm_v128_store(wide + 8 * half, wasm_i32x4_shuffle(columns01, columns23, 0, 2, 4, 6));
      wasm_v128_store(wide + 8 * half + 16, wasm_i32x4_shuffle(columns01, columns23, 1, 3, 5, 7));
    }
  }
}

// sums += x · wide for kTileRows rows of x, `stride` apart.
void add_words(size_t depth, const int16_t* x, size_t stride, const int16_t* wide, int32_t* sums) {
  v128_t acc[kTileRows][2];
  for (size_t row = 0; row < kTileRows; ++row) {
    acc[row][0] = wasm_v128_load(sums + 8 * row);
    acc[row][1] = wasm_v128_load(sums + 8 * row + 4);
  }
  for (size_t k = 0; k < depth; k += 2, wide += 16) {
    const v128_t w0 = wasm_v128_load(wide), w1 = wasm_v128_load(wide + 8);
    for (size_t row = 0; row < kTileRows; ++row) {
      const v128_t a = wasm_v128_load32_splat(x + row * stride + k);
      acc[row][0] = wasm_i32x4_add(acc[row][0], wasm_i32x4_dot_i16x8(a, w0));
      acc[row][1] = wasm_i32x4_add(acc[row][1], wasm_i32x4_dot_i16x8(a, w1));
    }
  }
  for (size_t row = 0; row < kTileRows; ++row) {
    wasm_v128_store(sums + 8 * row, acc[row][0]);
    wasm_v128_store(sums + 8 * row + 4, acc[row][1]);
  }
}

void multiply_words(size_t rows, size_t depth, const int16_t* x, const int8_t* panel, int32_t* sums) {
  alignas(16) int16_t wide[kDepthAtOnce * kPanelColumns];
  std::fill_n(sums, rows * kPanelColumns, 0);
  for (size_t k = 0; k < depth; k += kDepthAtOnce) {
    const size_t some = std::min(depth - k, kDepthAtOnce);
    widen(some, panel + k * kPanelColumns, wide);
    for (size_t row = 0; row < rows; row += kTileRows) {
      add_words(some, x + row * depth + k, depth, wide, sums + row * kPanelColumns);
    }
  }
}

#else

void multiply_words(size_t rows, size_t depth, const int16_t* x, const int8_t* panel, int32_t* sums) {
  for (size_t row = 0; row < rows; ++row, x += depth, sums += kPanelColumns) {
    std::fill_n(sums, kPanelColumns, 0);
    for (size_t k = 0; k < depth; ++k) {
      const int8_t* w = panel + k / 4 * 32 + k % 4;
      for (size_t column = 0; column < kPanelColumns; ++column) sums[column] += x[k] * w[column * 4];
    }
  }
}

#endif

#if defined(__wasm_relaxed_simd__)

// Twice over the weights, which stay in the first-level cache: the high halves, then, on top of 64 times
// their sums, the low ones. 12 sums, 2 vectors of weights and one of activations are all the registers that
// engines have on x86.
void multiply_halves(size_t rows, size_t depth, const int16_t* x, const int8_t* panel,
                     const int32_t* column_sums, int32_t* sums) {
  const v128_t start0 = wasm_i32x4_mul(wasm_v128_load(column_sums), wasm_i32x4_splat(-32));
  const v128_t start1 = wasm_i32x4_mul(wasm_v128_load(column_sums + 4), wasm_i32x4_splat(-32));
  for (size_t row = 0; row < rows; row += kTileRows) {
    v128_t acc[kTileRows][2];
    for (auto& sum : acc) sum[0] = start0, sum[1] = start1;
    const uint8_t* halves = reinterpret_cast<const uint8_t*>(x + row * depth);
    for (size_t half = 0; half < 2; ++half, halves += depth) {
      for (auto& sum : acc) {
        for (v128_t& columns : sum) columns = wasm_i32x4_shl(columns, 6 * half);
      }
      const int8_t* w = panel;
      for (size_t k = 0; k < depth; k += 4, w += 32) {
        const v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16);
        for (size_t i = 0; i < kTileRows; ++i) {
          const v128_t a = wasm_v128_load32_splat(halves + i * 2 * depth + k);
          acc[i][0] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w0, a, acc[i][0]);
          acc[i][1] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w1, a, acc[i][1]);
        }
      }
    }
    for (size_t i = 0; i < kTileRows; ++i, sums += kPanelColumns) {
      wasm_v128_store(sums, acc[i][0]);
      wasm_v128_store(sums + 4, acc[i][1]);
    }
  }
}

#else

// The same in plain loops. Sums wrap on their way, hence unsigned; what remains in the end fits.
void multiply_halves(size_t rows, size_t depth, const int16_t* x, const int8_t* panel,
                     const int32_t* column_sums, int32_t* sums) {
  for (size_t row = 0; row < rows; ++row, sums += kPanelColumns) {
    const uint8_t* high = reinterpret_cast<const uint8_t*>(x + row * depth);
    const uint8_t* low = high + depth;
    for (size_t column = 0; column < kPanelColumns; ++column) {
      uint32_t sum = uint32_t(column_sums[column]) * uint32_t(-2048);
      for (size_t k = 0; k < depth; ++k) {
        sum += uint32_t(panel[k / 4 * 32 + column * 4 + k % 4] * (64 * high[k] + low[k]));
      }
      sums[column] = int32_t(sum);
    }
  }
}

#endif

}  // namespace

void multiply_panel(ActivationForm form, size_t rows, size_t depth, const int16_t* x, const int8_t* panel,
                    const int32_t* column_sums, int32_t* sums) {
  if (form == ActivationForm::kWords) {
    multiply_words(rows, depth, x, panel, sums);
  } else {
    multiply_halves(rows, depth, x, panel, column_sums, sums);
  }
}

#if defined(__wasm_relaxed_simd__)

namespace {

// How often a millisecond a form multiplies a block of the first-level cache's size; nothing where the clock
// is too coarse.
std::optional<double> calls_per_ms(ActivationForm form) {
  constexpr size_t kRows = 36, kDepth = 384;
  const std::vector<int16_t> x(kRows * kDepth);
  const std::vector<int8_t> panel(panel_bytes(kDepth));
  const int32_t column_sums[kPanelColumns] = {};
  int32_t sums[kRows * kPanelColumns];
  // Counted from one tick of the clock to a later one: pages that are not isolated have ticks of 0.1 to 1 ms.
  std::optional<double> first_tick;
  const double start = now_ms();
  for (int calls = 0, i = 0; i < 3000; ++i) {
    multiply_panel(form, kRows, kDepth, x.data(), panel.data(), column_sums, sums);
    const double now = now_ms();
    if (first_tick) {
      ++calls;
      const double elapsed = now - *first_tick;
      if (elapsed > 0.25) return calls / elapsed;
    } else if (now != start) {
      first_tick = now;
    }
  }
  return std::nullopt;
}

// Whether this engine computes the relaxed instruction as specified. It is new: the first-tier compiler of
// V8 11.3 (Node 20, where relaxed SIMD is behind a flag) adds to the wrong register.
bool halves_are_exact() {
  constexpr size_t kDepth = 64;
  int16_t words[kTileRows * kDepth], halves[kTileRows * kDepth];
  int8_t panel[panel_bytes(kDepth)];
  int32_t column_sums[kPanelColumns] = {}, exact[kTileRows * kPanelColumns], sums[kTileRows * kPanelColumns];
  uint32_t random = 1;
  const auto next = [&random](int limit) {  // -limit … limit
    random = random * 1664525 + 1013904223;
    return int(random >> 8) % (2 * limit + 1) - limit;
  };
  for (size_t row = 0; row < kTileRows; ++row) {
    uint8_t* bytes = reinterpret_cast<uint8_t*>(halves + row * kDepth);
    for (size_t k = 0; k < kDepth; ++k) {
      const int q = next(2047);
      words[row * kDepth + k] = int16_t(q);
      bytes[k] = uint8_t((q + 2048) >> 6);
      bytes[kDepth + k] = uint8_t((q + 2048) & 63);
    }
  }
  for (size_t column = 0; column < kPanelColumns; ++column) {
    int8_t w[kDepth];
    for (int8_t& value : w) column_sums[column] += value = int8_t(next(127));
    pack_column(w, kDepth, column, panel);
  }
  multiply_panel(ActivationForm::kWords, kTileRows, kDepth, words, panel, column_sums, exact);
  multiply_panel(ActivationForm::kHalves, kTileRows, kDepth, halves, panel, column_sums, sums);
  return std::equal(std::begin(sums), std::end(sums), std::begin(exact));
}

// Engines begin with code of their quick compilers, in which the forms are closer together than they will be
// (on x86 1.1 with and 0.9 without AVX-VNNI, later 1.4 and 0.4). The best of a few milliseconds counts: until
// then the good code is there. In doubt words, with which nothing is lost but the gain.
ActivationForm measure_fastest_form() {
  const auto end = now_ms() + 8;
  double words = 0, halves = 0;
  for (int round = 0; round < 6 || now_ms() < end; ++round) {
    const auto words_now = calls_per_ms(ActivationForm::kWords);
    const auto halves_now = calls_per_ms(ActivationForm::kHalves);
    if (!words_now || !halves_now || !halves_are_exact()) return ActivationForm::kWords;
    words = std::max(words, *words_now);
    halves = std::max(halves, *halves_now);
  }
  return halves > 1.25 * words ? ActivationForm::kHalves : ActivationForm::kWords;
}

}  // namespace

ActivationForm fastest_form() {
  static const ActivationForm form = measure_fastest_form();
  return form;
}

#else

ActivationForm fastest_form() { return ActivationForm::kWords; }

#endif

}  // namespace vitreous

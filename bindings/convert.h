// What the bindings share: errors, and arrays in and out.
#pragma once

#include <emscripten/bind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"

namespace vt = vitreous;

namespace vitreous::bindings {

using emscripten::val;

// Runs `f`; an error of the engine leaves as a JavaScript Error with the same `code`.
template <typename F>
auto guard(F&& f) {
  std::string message;
  const char* code;
  try {
    return f();
  } catch (const vt::Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = vt::code::kOutOfMemory;
    message = "Not enough memory. Close other pages, use a smaller model, or smaller batches.";
  }
  val error = val::global("Error").new_(message);
  error.set("code", val(code));
  error.throw_();
}

inline size_t length(const val& array) { return array["length"].as<size_t>(); }

// A typed array into memory of its element type.
template <typename T>
void copy(const val& array, T* to) {
  val(emscripten::typed_memory_view(length(array), to)).call<void>("set", array);
}

// A new JavaScript array, not a view of the engine's memory, which moves when it grows.
inline val float_array(const std::vector<float>& values) {
  return val::global("Float32Array").new_(emscripten::typed_memory_view(values.size(), values.data()));
}
inline val int_array(const std::vector<int32_t>& values) {
  return val::global("Int32Array").new_(emscripten::typed_memory_view(values.size(), values.data()));
}
inline val byte_array(const std::vector<uint8_t>& values) {
  return val::global("Uint8Array").new_(emscripten::typed_memory_view(values.size(), values.data()));
}

// Hands a JavaScript byte array to `push` through a small buffer, so that the engine never holds a copy of it
// whole.
template <typename F>
void push_bytes(const val& bytes, size_t piece, F&& push) {
  const size_t n = length(bytes);
  std::vector<uint8_t> buffer(std::min(n, piece));
  for (size_t i = 0; i < n; i += buffer.size()) {
    const size_t count = std::min(buffer.size(), n - i);
    val(emscripten::typed_memory_view(count, buffer.data()))
        .call<void>("set", bytes.call<val>("subarray", i, i + count));
    push(buffer.data(), count);
  }
}

}  // namespace vitreous::bindings

// Between JavaScript's values and the engine's.
#pragma once

#include <emscripten/bind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"

// What went wrong, in the words of JavaScript's errors.
struct Failure {
  const char* code;
  std::string message;
};

// Of the exception that is being handled. Not in the template below: its code would be in the wasm for each
// function.
[[gnu::noinline]] inline Failure current_failure() {
  try {
    throw;
  } catch (const vitreous::Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {vitreous::code::kOutOfMemory,
            "Not enough memory. Close other pages, use a smaller model, or smaller batches."};
  }
}

[[noreturn, gnu::noinline]] inline void throw_to_javascript(const Failure& failure) {
  emscripten::val error = emscripten::val::global("Error").new_(failure.message);
  error.set("code", emscripten::val(failure.code));
  error.throw_();
}

// Runs `f`; an error of the engine leaves as a JavaScript Error with the same `code`.
template <typename F>
auto guard(F&& f) {
  Failure failure;
  try {
    return f();
  } catch (...) {
    failure = current_failure();
  }
  throw_to_javascript(failure);
}

// A property of a JavaScript object, by a name of any length: val's own operators are compiled for each
// length, and inlined with all that may be thrown.
template <typename T>
[[gnu::noinline]] T field(const emscripten::val& js, const char* name) {
  return js[name].as<T>();
}
template <typename T>
[[gnu::noinline]] void put(emscripten::val& js, const char* name, const T& value) {
  js.set(name, value);
}

inline size_t length(const emscripten::val& array) { return array["length"].as<size_t>(); }

// A typed array into memory of its element type.
template <typename T>
void copy(const emscripten::val& array, T* to) {
  emscripten::val(emscripten::typed_memory_view(length(array), to)).call<void>("set", array);
}

// A new JavaScript array of that type, not a view of the engine's memory, which moves when it grows.
template <typename T>
emscripten::val new_array(const char* type, const std::vector<T>& values) {
  return emscripten::val::global(type).new_(emscripten::typed_memory_view(values.size(), values.data()));
}
inline emscripten::val float_array(const std::vector<float>& values) {
  return new_array("Float32Array", values);
}
inline emscripten::val int_array(const std::vector<int32_t>& values) {
  return new_array("Int32Array", values);
}
inline emscripten::val byte_array(const std::vector<uint8_t>& values) {
  return new_array("Uint8Array", values);
}

// Hands a JavaScript byte array to `push` through a small buffer, so that the engine never holds a copy of it
// whole.
template <typename F>
void push_bytes(const emscripten::val& bytes, size_t piece, F&& push) {
  const size_t n = length(bytes);
  std::vector<uint8_t> buffer(std::min(n, piece));
  for (size_t i = 0; i < n; i += buffer.size()) {
    const size_t count = std::min(buffer.size(), n - i);
    emscripten::val(emscripten::typed_memory_view(count, buffer.data()))
        .call<void>("set", bytes.call<emscripten::val>("subarray", i, i + count));
    push(buffer.data(), count);
  }
}

// Between JavaScript's values and the engine's.
#pragma once

#include <emscripten/bind.h>

#include <cstddef>
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

inline void copy_floats(const emscripten::val& array, float* to) {
  emscripten::val(emscripten::typed_memory_view(length(array), to)).call<void>("set", array);
}

// A new JavaScript array, not a view of the engine's memory, which moves when it grows.
inline emscripten::val float_array(const std::vector<float>& values) {
  return emscripten::val::global("Float32Array")
      .new_(emscripten::typed_memory_view(values.size(), values.data()));
}

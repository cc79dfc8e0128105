// Between JavaScript's values and the engine's.
#pragma once

#include <emscripten/bind.h>

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"

// Runs `f`; an error of the engine leaves as a JavaScript Error with the same `code`.
template <typename F>
auto guard(F&& f) {
  std::string message;
  const char* code;
  try {
    return f();
  } catch (const vitreous::Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = vitreous::code::kOutOfMemory;
    message = "Not enough memory. Close other pages, use a smaller model, or smaller batches.";
  }
  emscripten::val error = emscripten::val::global("Error").new_(message);
  error.set("code", emscripten::val(code));
  error.throw_();
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

// What the bindings share: errors, and values in and out.
#pragma once

#include <emscripten/bind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"

namespace vt = vitreous;

namespace vitreous::bindings {

using emscripten::val;

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
  } catch (const vt::Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {vt::code::kOutOfMemory,
            "Not enough memory. Close other pages, use a smaller model, or smaller batches."};
  }
}

[[noreturn, gnu::noinline]] inline void throw_to_javascript(const Failure& failure) {
  val error = val::global("Error").new_(failure.message);
  error.set("code", val(failure.code));
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

// A property of a JavaScript object. Names are pointers here: as arrays they would make a template instance
// for each length.
template <typename T>
[[gnu::noinline]] T field(const val& js, const char* name) {
  return js[name].as<T>();
}
template <typename T>
[[gnu::noinline]] void put(val& js, const char* name, const T& value) {
  js.set(name, value);
}

struct Member {
  const char* name;
  val value;
};
[[gnu::noinline]] inline val object(std::initializer_list<Member> members) {
  val js = val::object();
  for (const auto& [name, value] : members) js.set(name, value);
  return js;
}

inline size_t length(const val& array) { return array["length"].as<size_t>(); }

// A typed array into memory of its element type.
template <typename T>
void copy(const val& array, T* to) {
  val(emscripten::typed_memory_view(length(array), to)).call<void>("set", array);
}
template <typename T>
std::vector<T> values(const val& array) {
  return emscripten::convertJSArrayToNumberVector<T>(array);
}

// A new JavaScript array of that type, not a view of the engine's memory, which moves when it grows.
template <typename T>
val array(const char* type, const std::vector<T>& values) {
  return val::global(type).new_(emscripten::typed_memory_view(values.size(), values.data()));
}
inline val float_array(const std::vector<float>& floats) { return array("Float32Array", floats); }
inline val int_array(const std::vector<int32_t>& ints) { return array("Int32Array", ints); }
inline val byte_array(const std::vector<uint8_t>& bytes) { return array("Uint8Array", bytes); }

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

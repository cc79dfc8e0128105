// What the readers of all checkpoint formats do when reading fails.
#pragma once

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"

namespace vitreous {

class Failure {
 public:
  // Runs `work` unless an earlier call failed: then that is thrown again. A failure is remembered, and
  // let_go() gives the reader's memory back. Where there was not enough of it the error is OUT_OF_MEMORY,
  // with place() saying for what.
  template <class Work, class Place, class LetGo>
  void guard(Work work, Place place, LetGo let_go) {
    if (failure_) std::rethrow_exception(failure_);
    const auto out_of_memory = [&] {
      return Error(code::kOutOfMemory,
                   "Not enough memory for " + place() + ": close other pages or load a smaller model.");
    };
    try {
      try {
        work();
      } catch (const std::bad_alloc&) {
        throw out_of_memory();
      } catch (const std::length_error&) {  // what a vector throws beyond the address space
        throw out_of_memory();
      }
    } catch (...) {
      failure_ = std::current_exception();
      let_go();
      throw;
    }
  }

 private:
  std::exception_ptr failure_;
};

}  // namespace vitreous
